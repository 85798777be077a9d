'use strict';
/* How a handler is wrapped, and how the wrapper takes its place in a module.
 *
 * A wrapper is a proxy: name, arity, properties (the mark of a streaming handler among them), `this`, `new` and the text
 * of the function are the handler's own. What is used of the language is taken once, before the function's code runs.
 */

const { types } = process.getBuiltinModule ? process.getBuiltinModule('util') : require('util');
const { apply, get: getProperty, defineProperty, getOwnPropertyDescriptor, getPrototypeOf } = Reflect;
const then = Promise.prototype.then;

// The handler's wrapper, so that one that is asked for twice is the same, and all that are wrappers.
const wrappers = new WeakMap();
const made = new WeakSet();

// The core's two functions once it runs.
let core = null;
// Why every invocation fails, if so.
let refusal = null;
// Request ids of what runs now, oldest first: handlers call each other, and invocations may overlap.
const running = [];

class NotProtectedError extends Error {}
defineProperty(NotProtectedError.prototype, 'name', { value: 'NotProtectedError', configurable: true });

// Tells the core from now on through its two functions when an invocation starts and ends.
function connect(begin, end) {
  core = { begin, end };
}

// Lets every invocation fail from now on.
function refuse(why) {
  refusal = why;
}

function isWrapper(candidate) {
  return typeof candidate === 'function' && made.has(candidate);
}

// Returns what stands for `target` in all but its identity.
function wrap(target, name) {
  if (typeof target !== 'function' || made.has(target)) return target;
  if (name !== undefined) giveName(target, name);
  let wrapper = wrappers.get(target);
  if (!wrapper) {
    wrapper = new Proxy(target, { apply: invoke });
    wrappers.set(target, wrapper);
    made.add(wrapper);
  }
  return wrapper;
}

// What `const name = () => {}` does for a function without a name.
function giveName(target, name) {
  const own = getOwnPropertyDescriptor(target, 'name');
  if (own && own.configurable && own.value === '') defineProperty(target, 'name', { value: name, configurable: true });
}

function invoke(target, self, given) {
  if (refusal !== null) throw new NotProtectedError(refusal);
  const token = begin(given);
  // Called by itself, or without a core: nothing begins here.
  if (token === null) return apply(target, self, given);
  let answer;
  try {
    answer = apply(target, self, withCallback(given, token));
  } catch (error) {
    end(token);
    throw error;
  }
  watch(answer, given, token);
  return answer;
}

// Whoever called waits for the answer and sees a rejection; a thenable's own `then` may do anything, even run it again.
function watch(answer, given, token) {
  const done = () => end(token);
  if (types.isPromise(answer)) apply(then, answer, [done, done]);
  else if (!hasCallback(given)) done();
}

// The platform passes event, context and callback; event, stream and context to a handler that streams.
function hasCallback(given) {
  return given.length > 2 && typeof given[2] === 'function';
}

function withCallback(given, token) {
  if (!hasCallback(given)) return given;
  const callback = given[2];
  const seen = new Proxy(callback, {
    apply(_, self, result) {
      end(token);
      return apply(callback, self, result);
    },
  });
  return [given[0], given[1], seen, ...given.slice(3)];
}

function begin(given) {
  if (core === null) return null;
  try {
    const request = requestId(given);
    if (running.length && (!request || running[running.length - 1].request === request)) return null;
    const token = { request };
    running.push(token);
    core.begin(request);
    return token;
  } catch (error) {
    return null; // The agent's own failure is no reason for the function to fail.
  }
}

function requestId(given) {
  for (const context of [given[1], given[2]]) {
    const request = context === null || typeof context !== 'object' ? undefined : context.awsRequestId;
    if (typeof request === 'string' && request) return request;
  }
  return undefined;
}

function end(token) {
  const at = running.indexOf(token);
  if (at < 0) return;
  const wasLast = at === running.length - 1;
  running.splice(at, 1);
  try {
    if (!running.length) core.end();
    else if (wasLast) core.begin(running[running.length - 1].request);
  } catch (error) {
    // As above.
  }
}

// Puts the wrapper in the place of what a module exports as `name`, and returns why that can't be, if so. Where it can't
// be changed there (a getter of esbuild's, webpack's or TypeScript's output), what is exported becomes a view of the object.
function protect(module, name) {
  const keys = name.split('.');
  module.exports = replaced(module.exports, keys);
  const found = keys.reduce((object, key) => (object === null || object === undefined ? undefined : object[key]), module.exports);
  return typeof found === 'function' && !isWrapper(found) ? 'its property can\'t be changed' : undefined;
}

// The same for an export that may be given another value later: whoever reads it of the module gets the wrapper.
function guard(module, name) {
  const problem = protect(module, name);
  module.exports = seen(module.exports, name.split('.'));
  return problem;
}

// Returns the object itself where the property could be changed in it, or in what it inherits it from, else what is to
// take its place. A property that is not there may come yet, or a proxy answers to it without listing it.
function replaced(object, keys) {
  const [key, ...rest] = keys;
  const owner = ownerOf(object, key);
  if (owner === null) return seen(object, keys);
  const found = getOwnPropertyDescriptor(owner, key);
  const convert = (value) => (rest.length ? replaced(value, rest) : wrap(value));
  const { get, value } = found;
  const wanted = get
    ? { ...found, get() { return convert(apply(get, this, [])); } }
    : { ...found, value: convert(value) };
  if ((!get && wanted.value === value) || defineProperty(owner, key, wanted)) return object;
  return get ? viewOf(object, key, convert) : copyOf(object, key, wanted);
}

// A view of an object in which the property is converted whenever it is read.
function seen(object, [key, ...rest]) {
  if (!isObject(object)) return object;
  return viewOf(object, key, (value) => (rest.length ? replaced(value, rest) : wrap(value)));
}

function isObject(value) {
  return (typeof value === 'object' && value !== null) || typeof value === 'function';
}

// The object that has the property: itself, or a class's prototype; null for none.
function ownerOf(object, key) {
  if (!isObject(object)) return null;
  let owner = object;
  while (owner !== null && !getOwnPropertyDescriptor(owner, key)) owner = getPrototypeOf(owner);
  return owner === Object.prototype || owner === Function.prototype ? null : owner;
}

// The object as it is, now and later, with one property converted when it is read.
function viewOf(object, key, convert) {
  const view = new Proxy(object, {
    get(target, property, receiver) {
      const value = getProperty(target, property, receiver === view ? target : receiver);
      return property === key ? convert(value) : value;
    },
  });
  return view;
}

// Where the property's value is final (webpack's output, a frozen object), a copy whose getters are the same ones.
function copyOf(object, key, descriptor) {
  if (typeof object === 'function') return object;
  const copy = Object.create(getPrototypeOf(object), { ...Object.getOwnPropertyDescriptors(object), [key]: descriptor });
  if (Object.isFrozen(object)) return Object.freeze(copy);
  return Object.isExtensible(object) ? copy : Object.preventExtensions(copy);
}

// The error of an invocation, or of a module, that may not run unprotected.
function refusing(why) {
  return new NotProtectedError(why);
}

module.exports = { connect, refuse, refusing, wrap, protect, guard, isWrapper };
