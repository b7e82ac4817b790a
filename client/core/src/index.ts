export * from './casts/protocol.js';
export * from './casts/session.js';
export * from './casts/table.js';
export * from './casts/histogram.js';
export * from './format.js';
export * from './icons.js';
export * from './protocol.js';
export * from './tree.js';
