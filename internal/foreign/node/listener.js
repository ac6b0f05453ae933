// A listener: libwebrtc of the npm registry, which decodes what a call says. Standard input and output, one JSON
// object a line:
//
//   out  {"offer": "…"}                          an SDP that receives sound
//   in   {"answer": "…"}
//   out  {"state": "connected"}                  each change of the connection
//   in   {"file": "…"}                           where to write what was heard: 16 bits, one channel
//   out  {"heard": {"rate", "samples", "concealed"}}
//
// It ends when standard input does.
'use strict'

const { writeFileSync } = require('node:fs')
const { RTCPeerConnection, nonstandard: { RTCAudioSink } } = require('wrtc')
const { say, read } = require('./lines')

async function main() {
  const call = new RTCPeerConnection()
  const heard = []
  let rate = 0
  call.addTransceiver('audio', { direction: 'recvonly' })
  call.onconnectionstatechange = () => say({ state: call.connectionState })
  call.ontrack = ({ track }) => {
    if (track.kind !== 'audio') return
    new RTCAudioSink(track).ondata = ({ samples, sampleRate, channelCount }) => {
      rate = sampleRate
      heard.push(Int16Array.from({ length: samples.length / channelCount }, (_, i) => samples[i * channelCount]))
    }
  }
  const gathered = new Promise(done => {
    call.onicegatheringstatechange = () => call.iceGatheringState === 'complete' && done()
  })
  await call.setLocalDescription(await call.createOffer())
  await gathered
  say({ offer: call.localDescription.sdp })
  await call.setRemoteDescription({ type: 'answer', sdp: (await read()).answer })

  const { file } = await read()
  await new Promise(done => setTimeout(done, 500)) // the rest of the jitter buffer
  let concealed = 0
  let samples = 0
  for (const report of (await call.getStats()).values()) {
    if (report.type === 'inbound-rtp') {
      concealed = report.concealedSamples - report.silentConcealedSamples
      samples = report.totalSamplesReceived
    }
  }
  writeFileSync(file, Buffer.concat(heard.map(part => Buffer.from(part.buffer))))
  say({ heard: { rate, samples, concealed } })
}

main().catch(err => {
  say({ error: String(err.stack || err) })
  process.exit(1)
})
