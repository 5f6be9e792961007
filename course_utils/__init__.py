"""Shared code of the course. Import the module you need: ``from course_utils.mnist import load_mnist``.

What you would take along into a project of your own:

data          ``mnist`` load it, full or embedded; ``download`` fetch it, verified; ``loader`` batches of
              tensors in memory; ``batches`` check them as they come
models        ``models`` multi-layer perceptrons; ``stacked`` many small ones trained as one;
              ``autograd`` back-propagation for NumPy, on one page
training      ``training`` the loop; ``optimizers`` update rules written out; ``early_stopping``;
              ``checkpoint`` go on after a crash; ``lr_finder`` a range test for the learning rate
tables        ``tables`` numbers and categories with gaps, prepared and learned; ``predictor`` the
              model and its preparation in one file, and predictions with it
evaluation    ``tally`` means whatever the batch size; ``calibration``; ``intervals`` what a few seeds
              can tell; ``plotting``
many runs     ``experiment`` seeds and settings on all cores; ``kept_runs`` none is made twice;
              ``workers`` its processes; ``cluster`` on other machines; ``seeding`` where all chance
              comes from
carefulness   ``copies``, ``generators`` try without a trace; ``ownership``, ``failures`` say what is
              wrong; ``plain_values``, ``unfinished_files`` files that nothing destroys

What makes this a course:

``notebook``      what every lesson does first; claims, figures, sliders, the list of lessons
``exercises``     checks that know the mistakes people make, and their solutions
``diagnostics``   the checklist of the debugging clinic; ``clinic`` its patients
``numpy_track``   LSTM and Relational RNN trained without a framework
``running_sum``   a task on which gradients explode; ``small_tasks`` five that examine a rule
``progress``      which exercises you have solved
``language``, ``progress_bar``   what speaks to the reader
"""
