"""Reference solutions, one module a lesson; an assignment is handed out without this folder."""
