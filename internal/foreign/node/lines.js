// Standard input and output, one JSON object a line. The process ends when standard input does.
'use strict'

const { createInterface } = require('node:readline')

const say = object => process.stdout.write(JSON.stringify(object) + '\n')

const waiting = []
const lines = []
createInterface({ input: process.stdin })
  .on('line', line => {
    const next = waiting.shift()
    next ? next(JSON.parse(line)) : lines.push(JSON.parse(line))
  })
  .on('close', () => process.exit(0))

const read = () => new Promise(done => {
  lines.length ? done(lines.shift()) : waiting.push(done)
})

module.exports = { say, read }
