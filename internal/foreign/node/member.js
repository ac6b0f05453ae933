// A member of a group call: the npm client tgcalls, as its readers use it. It sends tones and moving pictures.
// What a bot's Telegram session would do goes over standard input and output, one JSON object a line:
//
//   in   {"tones": [1000, 1315], "width": 320, "height": 180}   begin; each tone sounds for a second
//   out  {"join": "…"}                                          the payload of phone.joinGroupCall
//   in   {"answer": "…"}                                        what updateGroupCallConnection brings
//   out  {"state": "connected"}                                 each change of the ICE connection, and "finished"
//
// It ends when standard input does.
'use strict'

const { Readable } = require('node:stream')
const { TGCalls, Stream } = require('tgcalls')
const { say, read } = require('./lines')

const rate = 48000
const framerate = 24

// sound is a second of each tone, 16 bits, one channel.
function sound(tones) {
  const pcm = Buffer.alloc(2 * rate * tones.length)
  for (let i = 0; i < rate * tones.length; i++) {
    const tone = tones[Math.floor(i / rate)]
    pcm.writeInt16LE(Math.round(13000 * Math.sin(2 * Math.PI * tone * i / rate)), 2 * i)
  }
  return pcm
}

// pictures are grey planes of I420 that get brighter, with a bar that moves.
function pictures(width, height, count) {
  const size = width * height * 3 / 2
  const raw = Buffer.alloc(size * count, 128)
  for (let n = 0; n < count; n++) {
    raw.fill(40 + n % 120, n * size, n * size + width * height)
    const top = n * 4 % (height - 8)
    raw.fill(235, n * size + top * width, n * size + (top + 8) * width)
  }
  return raw
}

async function main() {
  const { tones, width, height } = await read()
  const call = new TGCalls()
  call.on('iceConnectionState', state => say({ state }))
  call.joinVoiceCall = async payload => {
    // Telegram's SSRCs are signed.
    const params = {
      ufrag: payload.ufrag,
      pwd: payload.pwd,
      fingerprints: [{ hash: payload.hash, setup: payload.setup, fingerprint: payload.fingerprint }],
      ssrc: payload.source | 0,
      'ssrc-groups': [{ semantics: 'FID', sources: payload.sourceGroup.map(ssrc => ssrc | 0) }]
    }
    say({ join: JSON.stringify(params) })
    const { answer } = await read()
    return { transport: JSON.parse(answer).transport }
  }

  const audio = new Stream(null, { audio: { sampleRate: rate, channelCount: 1 } })
  const video = new Stream(null, { video: { width, height, framerate } })
  const connected = new Promise(done => call.on('iceConnectionState', state => {
    if (state === 'connected' || state === 'completed') done()
  }))
  await call.start(audio.createTrack(), video.createTrack())
  await connected
  audio.on('finish', () => say({ state: 'finished' }))
  audio.setReadable(Readable.from([sound(tones)]))
  video.setReadable(Readable.from([pictures(width, height, tones.length * framerate)]))
}

main().catch(err => {
  say({ error: String(err.stack || err) })
  process.exit(1)
})
