'use strict';
/* Compiles projects as `tsc -p` does, with TypeScript from the folder that is named first: a JSON list of configuration files
 * on stdin, for each what the compiler has to say on stdout. One process for all: its own declarations are read once. */
const path = require('path');
const ts = require(path.join(process.argv[2], 'typescript'));

const read = new Map();
const said = (found) => found.map((one) => ts.flattenDiagnosticMessageText(one.messageText, '\n'));

function compile(config) {
  const host = { ...ts.sys, onUnRecoverableConfigFileDiagnostic: (one) => { throw new Error(said([one])[0]); } };
  const parsed = ts.getParsedCommandLineOfConfigFile(config, {}, host);
  const compiler = ts.createCompilerHost(parsed.options);
  const { getSourceFile } = compiler;
  compiler.getSourceFile = (name, options, ...rest) => {
    if (!/\/lib\.[^/]*\.d\.ts$/.test(name)) return getSourceFile(name, options, ...rest);
    const key = name + JSON.stringify(options);
    if (!read.has(key)) read.set(key, getSourceFile(name, options, ...rest));
    return read.get(key);
  };
  const program = ts.createProgram({ rootNames: parsed.fileNames, options: parsed.options, host: compiler });
  const found = [...parsed.errors, ...ts.getPreEmitDiagnostics(program)];
  const { emitSkipped, diagnostics } = program.emit();
  return said([...found, ...diagnostics]).concat(emitSkipped ? ['nothing was written'] : []);
}

console.log(JSON.stringify(JSON.parse(require('fs').readFileSync(0, 'utf8')).map(compile)));
