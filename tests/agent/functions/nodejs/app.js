'use strict';
/* A function that attacks: each event names a way to start a program, or to reach a file, an address or a name.
 *
 * The answer is what the attack itself saw. */
const processes = require('./processes.js');
const files = require('./files.js');
const network = require('./network.js');

const WAYS = { ...processes, ...files, ...network.WAYS };

// The end of a connection says what the operating system said last, which may be told in several ways.
function told(error) {
  const { code, errors } = error.cause && error.cause.code ? error.cause : error;
  return { raised: code || (errors && errors[0].code) || error.name };
}

exports.handler = async (event) => {
  if (event.way === 'list') return Object.keys(WAYS);
  if (event.way === 'release') return network.release();
  if (event.way === undefined) return event;
  try {
    const value = await WAYS[event.way](event);
    return { value: value === undefined ? null : value };
  } catch (error) {
    return told(error);
  }
};
