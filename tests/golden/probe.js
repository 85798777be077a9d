'use strict';
/* Loads functions as Lambda's runtime client does and tells what happened; the Node.js twin of probe.py, with the same jobs
 * and the same answers, and each job in a process of its own. Beside them: `exports` (of each handler's module, before and
 * after the events) and `handlers` (what they look like). `early` and `files` hold what calls `trace`: see Case.trace_to. */
const { spawn } = require('child_process');
const fs = require('fs');
const os = require('os');
const path = require('path');
const Module = require('module');
const { PassThrough } = require('stream');

const STREAMING = Symbol.for('aws.lambda.runtime.handler.streaming');
const out = process.argv[2];
const job = out ? JSON.parse(fs.readFileSync(0, 'utf8')) : { root: '' };
const agentFile = path.join(job.root, 'twistlock', 'index.js');
const importModule = new Function('url', 'return import(url)');
const early = [];
const files = {};
let isLoaded = false;

globalThis.trace = (name) => {
  files[name] = (files[name] || 0) + 1;
  if (!isLoaded) early.push([name, 1]);
};
globalThis.awslambda = {
  streamifyResponse(handler) {
    handler[STREAMING] = 'response';
    return handler;
  },
};

const load = Module._extensions['.js'];
Module._extensions['.js'] = function (module, filename) {
  // Once it is loaded, the core is active.
  load(module, filename);
  if (filename === agentFile) isLoaded = true;
};

function hasTypeModule(folder) {
  if (folder.endsWith('/node_modules')) return false;
  const described = path.join(folder, 'package.json');
  if (fs.existsSync(described)) return JSON.parse(fs.readFileSync(described, 'utf8')).type === 'module';
  return folder === '/' ? false : hasTypeModule(path.dirname(folder));
}

// UserFunction.js of the runtime client: _loadUserApp.
async function loadModule(base) {
  const isModule = hasTypeModule(path.dirname(base));
  if (fs.existsSync(base)) return [require(base), base];
  if (!isModule && fs.existsSync(base + '.js')) return [require(base + '.js'), base + '.js'];
  for (const file of isModule ? [base + '.js', base + '.mjs'] : [base + '.mjs']) {
    if (fs.existsSync(file)) return [await importModule('file://' + file), file];
  }
  return [require(base + '.cjs'), base + '.cjs'];
}

function split(handler) {
  const name = path.basename(handler);
  const [, file, exported] = /^([^.]*)\.(.*)$/.exec(name);
  return [path.resolve(job.root, path.dirname(handler), file), exported];
}

function lookOf(value) {
  if (typeof value !== 'function') return typeof value === 'object' && value !== null ? keysOf(value) : String(value);
  const own = Reflect.ownKeys(value).map(String).filter((key) => key !== 'caller' && key !== 'arguments');
  const { name, length } = value;
  return { name, length, own, tag: Object.prototype.toString.call(value), streaming: value[STREAMING] };
}

function keysOf(object) {
  const found = {};
  for (const key of Reflect.ownKeys(object)) {
    if (object.constructor && typeof key === 'string' && key === 'prototype') continue;
    const descriptor = Reflect.getOwnPropertyDescriptor(object, key);
    const value = descriptor.get ? descriptor.get.call(object) : descriptor.value;
    const shown = typeof value === 'function' ? [value.name, value.length] : typeof value === 'object' ? typeof value : String(value);
    found[String(key)] = [descriptor.get ? 'getter' : 'value', descriptor.enumerable, shown];
  }
  const prototype = Object.getPrototypeOf(object);
  return { found, prototype: prototype && prototype.constructor && prototype.constructor.name, type: typeof object,
    frozen: Object.isFrozen(object), order: Reflect.ownKeys(object).map(String) };
}

async function exportsOf(module, file) {
  let named;
  try {
    // What another ES module can import by name of it.
    named = Object.keys(await importModule('file://' + file)).filter((name) => name !== 'module.exports');
  } catch (error) {
    named = [error.code];
  }
  return { own: keysOf(module), named };
}

function call(handler, event) {
  return new Promise((resolve) => {
    const context = { awsRequestId: '6bc28136-xmpl-4365-b021-0ce6b2e64ab0', functionName: 'golden' };
    const fail = (error) => resolve({ raises: error instanceof Error ? `${error.name}: ${error.message}` : `thrown: ${JSON.stringify(error)}` });
    const succeed = (answer) => resolve({ answer: answer === undefined ? null : JSON.parse(JSON.stringify(answer)) });
    const callback = (error, answer) => (error ? fail(error) : succeed(answer));
    Object.assign(context, { succeed, fail, done: callback });
    try {
      if (handler[STREAMING]) {
        const stream = new PassThrough();
        const chunks = [];
        stream.on('data', (chunk) => chunks.push(chunk));
        stream.on('end', () => resolve({ streamed: Buffer.concat(chunks).toString() }));
        Promise.resolve(handler(event, stream, context)).catch(fail);
        return;
      }
      // Nothing is left to do, and nobody has answered.
      process.once('beforeExit', () => succeed(null));
      const answer = handler(event, context, callback);
      if (answer && typeof answer.then === 'function') answer.then(succeed, fail);
    } catch (error) {
      fail(error);
    }
  });
}

async function run() {
  const result = { error: null, early, files, wrapped: {}, handlers: {}, exports: {}, answers: [] };
  const modules = {};
  const handlers = {};
  try {
    for (const handler of job.handlers) {
      const [base, exported] = split(handler);
      const [module, file] = modules[base] || (modules[base] = await loadModule(base));
      handlers[handler] = exported.split('.').reduce((object, key) => object && object[key], module);
    }
  } catch (error) {
    result.error = `${error.name}: ${error.message}`;
  }
  const agent = (require.cache[agentFile] || {}).exports || {};
  result.status = agent.status || null;
  result.reason = agent.reason || null;
  if (!result.error) {
    for (const [name, handler] of Object.entries(handlers)) {
      result.wrapped[name] = Boolean(agent.isProtected && agent.isProtected(handler));
      result.handlers[name] = lookOf(handler);
    }
    for (const [name, [module, file]] of Object.entries(modules)) result.exports[path.relative(job.root, name)] = [await exportsOf(module, file)];
    for (const [name, event] of job.events) result.answers.push(await call(handlers[name], event));
    for (const [name, [module, file]] of Object.entries(modules)) result.exports[path.relative(job.root, name)].push(await exportsOf(module, file));
  }
  return result;
}

// One process for each job, two at a time.
async function every(jobs, folder) {
  const results = [];
  const queue = jobs.map((one, index) => [one, index]);
  const work = async () => {
    for (let next = queue.shift(); next; next = queue.shift()) results[next[1]] = await inOwnProcess(next[0], path.join(folder, `${next[1]}.json`));
  };
  await Promise.all([work(), work()]);
  return results;
}

function inOwnProcess(one, file) {
  return new Promise((resolve) => {
    const options = { cwd: one.root, env: { ...process.env, LAMBDA_TASK_ROOT: one.root }, stdio: ['pipe', 'ignore', 'pipe'], timeout: 60000 };
    const child = spawn(process.execPath, [__filename, file], options);
    let errors = '';
    child.stderr.on('data', (chunk) => { errors += chunk; });
    child.on('close', () => resolve(fs.existsSync(file) ? JSON.parse(fs.readFileSync(file, 'utf8')) : { probe: errors }));
    child.stdin.end(JSON.stringify(one));
  });
}

async function main() {
  if (out) {
    const result = await run().catch((error) => ({ probe: error.stack }));
    fs.writeFileSync(out, JSON.stringify(result));
    process.exit(0);
  }
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'probe-'));
  const results = await every(JSON.parse(fs.readFileSync(0, 'utf8')), folder);
  (fs.rmSync || fs.rmdirSync)(folder, { recursive: true });
  console.log(JSON.stringify(results));
}

main();
