'use strict';
// What a Node.js process that an attack starts does.
require('fs').writeFileSync(process.env.TOUCHING || process.argv[2], '');
process.exit(0);
