// node parse.cjs FOLDER-OF-gift-pegjs: reads GIFT from the standard input, writes what it holds as JSON
const { parse } = require(process.argv[2]);
process.stdout.write(JSON.stringify(parse(require("fs").readFileSync(0, "utf8"))));
