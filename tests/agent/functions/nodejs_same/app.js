'use strict';
/* Handlers of every kind that Lambda's client for Node.js knows, for a comparison with and without the agent. */
const later = (value) => new Promise((resolve) => setTimeout(resolve, 2, value));

exports.echo = async (event) => event;

exports.promise = (event) => Promise.resolve(later(event));

exports.callback = (event, context, callback) => {
  setTimeout(() => callback(null, event), 2);
};

exports.callbackAtOnce = (event, context, callback) => callback(null, event);

exports.callbackAndPromise = async (event, context, callback) => {
  callback(null, 'called');
  return 'returned';
};

exports.callbackTwice = (event, context, callback) => {
  callback(null, 'first');
  callback(null, 'second');
};

exports.callbackError = (event, context, callback) => callback(new RangeError(event));

exports.callbackText = (event, context, callback) => callback('a text');

exports.throws = (event) => {
  throw new TypeError(`thrown ${event}`);
};

exports.rejects = async (event) => {
  await later();
  throw new SyntaxError(`rejected ${event}`);
};

exports.rejectsText = () => Promise.reject('a text');

exports.rejectsNothing = () => Promise.reject();

exports.rejectsOwn = async () => {
  class OwnError extends Error {
    get name() {
      return 'Own';
    }
  }
  throw Object.assign(new OwnError('own'), { code: 7 });
};

exports.succeed = (event, context) => context.succeed(event);

exports.fail = (event, context) => context.fail(new Error('failed'));

exports.done = (event, context) => context.done(null, { done: event });

exports.doneError = (event, context) => context.done(new Error('done'));

exports.nothing = async () => {};

exports.valueNotPromised = (event) => event;

exports.thenable = () => ({ then: (resolve) => setTimeout(resolve, 2, 'from a thenable') });

exports.facts = async function (event, context, ...rest) {
  return {
    given: arguments.length,
    rest: rest.map((one) => typeof one),
    self: this === undefined || this === null ? 'none' : typeof this,
    context: Object.keys(context).sort(),
    id: context.awsRequestId,
    memory: context.memoryLimitInMB,
    remaining: context.getRemainingTimeInMillis() > 0,
  };
};

exports.notWaiting = (event, context, callback) => {
  context.callbackWaitsForEmptyEventLoop = false;
  setInterval(() => {}, 1000);
  callback(null, 'at once');
};

exports.waiting = (event, context, callback) => {
  callback(null, 'when nothing is left to do');
  setTimeout(() => console.log('left to do'), 20);
};

exports.json = async () => ({
  date: new Date(0), nothing: undefined, text: '\u00e9\u2603\ud83d\ude00', number: NaN, buffer: Buffer.from('x'), own: { toJSON: () => 'json' },
});

exports.circular = async () => {
  const circle = {};
  circle.circle = circle;
  return circle;
};

exports.big = async () => 10n;

exports.logs = async (event) => {
  console.log('logged %s', event);
  console.error('as an error');
  process.stdout.write('written\n');
  return 'logged';
};

class Service {
  constructor() {
    this.count = 0;
    this.counted = this.counted.bind(this);
  }

  async counted() {
    return ++this.count;
  }
}
const service = new Service();
exports.counted = service.counted;

exports.exits = async () => process.exit(3);

exports.uncaught = async () => {
  setTimeout(() => {
    throw new Error('uncaught');
  });
  return later(later(later('too late')));
};

exports.unhandled = async () => {
  Promise.reject(new Error('unhandled'));
  return later(later(later('too late')));
};

exports.streamed = awslambda.streamifyResponse(async (event, stream, context) => {
  stream.setContentType('text/plain');
  for (const part of ['one ', 'two ', context.awsRequestId]) {
    stream.write(part);
    await later();
  }
  stream.end();
});

exports.streamedFrom = awslambda.streamifyResponse(async (event, stream) => {
  const response = awslambda.HttpResponseStream.from(stream, { statusCode: 201, headers: { a: 'b' } });
  response.write('body');
  response.end();
});

exports.streamedPipe = awslambda.streamifyResponse(async (event, stream) => {
  const { Readable, pipeline } = require('stream');
  await require('util').promisify(pipeline)(Readable.from(['x'.repeat(100000), 'y']), stream);
});

exports.streamedError = awslambda.streamifyResponse(async (event, stream) => {
  stream.write('so far');
  throw new Error('in the middle');
});

exports.streamedThrows = awslambda.streamifyResponse(async () => {
  throw new Error('before a byte');
});
