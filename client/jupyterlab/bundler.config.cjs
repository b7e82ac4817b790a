// What the builder is told otherwise: ids that do not depend on the folder that the sources lie in.
module.exports = { optimization: { moduleIds: 'natural', chunkIds: 'natural' } };
