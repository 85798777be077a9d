exports.helped = 'helped';
