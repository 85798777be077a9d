// Runs jobs of probe.rb in a Ruby compiled to WebAssembly, one after the other: the same jobs, the same answers.
//
//     node ruby_versions.mjs FOLDER PROBE <jobs.json
//
// There is no native code in it, so the agent can't start there: what shows is that the shim and the wrapping work.
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const [folder, probe] = process.argv.slice(2);
const module = (name) => import(pathToFileURL(join(folder, 'node_modules', name)));
const { ConsoleStdout, Directory, File, OpenFile, PreopenDirectory, WASI } = await module('@bjorn3/browser_wasi_shim/dist/index.js');
const { RubyVM } = await module('@ruby/wasm-wasi/dist/esm/index.js');
const ruby = await WebAssembly.compile(await readFile(join(folder, 'ruby+stdlib.wasm')));

async function input(stream) {
  const parts = [];
  for await (const part of stream) parts.push(part);
  return JSON.parse(Buffer.concat(parts));
}

async function directory(path) {
  const found = new Map();
  for (const entry of await readdir(path, { withFileTypes: true })) {
    const inner = join(path, entry.name);
    if (entry.name.startsWith('libdefender-')) continue;
    found.set(entry.name, entry.isDirectory() ? new Directory(await directory(inner)) : new File(await readFile(inner)));
  }
  return found;
}

const jobs = await input(process.stdin);
const roots = await Promise.all(jobs.map(async (job, index) => [`${index}`, new Directory(await directory(job.root))]));
const moved = jobs.map((job, index) => ({ ...job, root: `/jobs/${index}` }));
const files = new Map([
  ['jobs', new Directory(new Map(roots))],
  ['jobs.json', new File(Buffer.from(JSON.stringify(moved)))],
  ['probe.rb', new File(await readFile(probe))],
]);
const listener = ConsoleStdout.lineBuffered((line) => process.stderr.write(`${line}\n`));
const descriptors = [new OpenFile(new File([])), listener, listener, new PreopenDirectory('/', files)];
const wasi = new WASI(['ruby'], [], descriptors, { debug: false });
const { vm } = await RubyVM.instantiateModule({ module: ruby, wasip1: wasi });
vm.eval("load '/probe.rb'");
const results = vm.eval("JSON.generate(JSON.parse(File.read('/jobs.json')).map { |job| in_turn(job) })");
process.stdout.write(results.toString());
