export * from './icons.js';
export * from './protocol.js';
export * from './tree.js';
