// A member of the call, in the form of Telegram's own clients: it sends tones and moving pictures, opens the data
// channel, and declares one layer of video.
'use strict'

const uris = {
  1: 'urn:ietf:params:rtp-hdrext:ssrc-audio-level',
  2: 'http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time',
  3: 'http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01'
}
const extensions = { audio: [1, 2, 3], video: [2, 3], application: [] }

const call = new RTCPeerConnection()
let connected
const connection = new Promise(done => { connected = done })
call.onconnectionstatechange = () => { if (call.connectionState === 'connected') connected() }

// sound gives a track with a second of each tone once it is begun.
function sound(tones) {
  const context = new AudioContext({ sampleRate: 48000 })
  const oscillator = context.createOscillator()
  const loudness = new GainNode(context, { gain: 0.4 })
  const out = context.createMediaStreamDestination()
  oscillator.connect(loudness).connect(out)
  return {
    track: out.stream.getTracks()[0],
    begin() {
      const start = context.currentTime + 0.1
      tones.forEach((tone, i) => oscillator.frequency.setValueAtTime(tone, start + i))
      oscillator.start(start)
      oscillator.stop(start + tones.length)
      return new Promise(done => { oscillator.onended = done })
    }
  }
}

// pictures gives a track of a bar that moves.
function pictures(width, height) {
  const canvas = Object.assign(document.body.appendChild(document.createElement('canvas')), { width, height })
  const pen = canvas.getContext('2d')
  let n = 0
  setInterval(() => {
    pen.fillStyle = `hsl(${n % 360} 50% 30%)`
    pen.fillRect(0, 0, width, height)
    pen.fillStyle = 'white'
    pen.fillRect(n++ * 4 % width, 0, 20, height)
  }, 1000 / 30)
  return canvas.captureStream(30).getTracks()[0]
}

// pin gives every header extension Telegram's number, and drops the others.
function pin(sdp) {
  return sdp.split(/(?=^m=)/m).map(section => {
    const kind = /^m=(\w+)/.exec(section)?.[1]
    if (!kind) return section.replace(/^a=extmap-allow-mixed\r\n/m, '')
    const lines = section.split('\r\n').filter(line => line && !line.startsWith('a=extmap'))
    for (const id of extensions[kind]) lines.push(`a=extmap:${id} ${uris[id]}`)
    return lines.join('\r\n') + '\r\n'
  }).join('')
}

let tune

// join gives the payload of phone.joinGroupCall.
window.join = async (tones, width, height) => {
  tune = sound(tones)
  call.addTransceiver(tune.track, { direction: 'sendonly' })
  call.addTransceiver(pictures(width, height), { direction: 'sendonly' })
  call.createDataChannel('data')
  const offer = await call.createOffer()
  await call.setLocalDescription({ type: 'offer', sdp: pin(offer.sdp) })
  const sdp = call.localDescription.sdp
  const first = pattern => pattern.exec(sdp)[1]
  const layer = first(/^a=ssrc-group:FID (.*)$/m).trim().split(' ').map(ssrc => ssrc | 0)
  return JSON.stringify({
    ufrag: first(/^a=ice-ufrag:(\S+)/m),
    pwd: first(/^a=ice-pwd:(\S+)/m),
    fingerprints: [{ hash: 'sha-256', fingerprint: first(/^a=fingerprint:sha-256 (\S+)/m), setup: 'passive' }],
    ssrc: first(/^a=ssrc:(\d+)/m) | 0,
    'ssrc-groups': [{ semantics: 'SIM', sources: [layer[0]] }, { semantics: 'FID', sources: layer }]
  })
}

// accept takes the answer and returns when everything has been played.
window.accept = async answer => {
  const { transport } = JSON.parse(answer)
  const section = (media, mid, lines) => [
    `m=${media}`, 'c=IN IP4 0.0.0.0', `a=mid:${mid}`,
    `a=ice-ufrag:${transport.ufrag}`, `a=ice-pwd:${transport.pwd}`,
    ...transport.fingerprints.flatMap(f => [`a=fingerprint:${f.hash} ${f.fingerprint}`, `a=setup:${f.setup}`]),
    ...lines,
    ...transport.candidates.map(c =>
      `a=candidate:${c.foundation} ${c.component} ${c.protocol} ${c.priority} ${c.ip} ${c.port} typ ${c.type}`)
  ]
  const media = (kind, lines) => [
    'a=recvonly', 'a=rtcp-mux', ...lines, ...extensions[kind].map(id => `a=extmap:${id} ${uris[id]}`)
  ]
  const sdp = [
    'v=0', 'o=- 1 1 IN IP4 0.0.0.0', 's=-', 't=0 0', 'a=group:BUNDLE 0 1 2',
    ...section('audio 9 UDP/TLS/RTP/SAVPF 111', 0, media('audio', [
      'a=rtpmap:111 opus/48000/2', 'a=fmtp:111 minptime=10;useinbandfec=1', 'a=rtcp-fb:111 transport-cc'
    ])),
    ...section('video 9 UDP/TLS/RTP/SAVPF 100 101', 1, media('video', [
      'a=rtpmap:100 VP8/90000', 'a=rtcp-fb:100 transport-cc', 'a=rtcp-fb:100 ccm fir', 'a=rtcp-fb:100 nack',
      'a=rtcp-fb:100 nack pli', 'a=rtpmap:101 rtx/90000', 'a=fmtp:101 apt=100'
    ])),
    ...section('application 9 UDP/DTLS/SCTP webrtc-datachannel', 2, ['a=sctp-port:5000', 'a=max-message-size:262144'])
  ]
  await call.setRemoteDescription({ type: 'answer', sdp: sdp.join('\r\n') + '\r\n' })
  await connection
  await tune.begin()
  return true
}
