'use strict';
/* Has the Serverless Framework's plugin for TypeScript prepare services as `serverless package` does, up to the folder that the
 * framework then packs. The plugin is the real one, from the folder that is named first; the framework is stood in for by what the
 * plugin asks of it. A list of {folder, service} on stdin, for each what the compiler has to say on stdout. */
const fs = require('fs');
const path = require('path');
const Plugin = require(path.join(process.argv[2], 'serverless-plugin-typescript'));

// The compiler asks for it once in a process, and each service has its own.
require(path.join(process.argv[2], 'typescript')).sys.getCurrentDirectory = () => process.cwd();

async function prepare({ folder, service }) {
  const said = [];
  const { log } = console;
  console.log = (line) => said.push(String(line.messageText || line));
  // It copies what is installed, whatever that is.
  fs.mkdirSync(path.join(folder, 'node_modules'), { recursive: true });
  process.chdir(folder);
  try {
    const serverless = { service: { package: {}, ...service }, config: { servicePath: folder }, cli: { log() {} } };
    await new Plugin(serverless, {}).hooks['before:package:createDeploymentArtifacts']();
  } catch (error) {
    said.push(error.message);
  } finally {
    console.log = log;
  }
  return said;
}

(async () => {
  const found = [];
  for (const one of JSON.parse(fs.readFileSync(0, 'utf8'))) found.push(await prepare(one));
  console.log(JSON.stringify(found));
})();
