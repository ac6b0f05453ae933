// A listener: hears and sees the call, and keeps what the browser says of it.
'use strict'

const call = new RTCPeerConnection()
const player = document.body.appendChild(document.createElement('video'))
player.autoplay = true
player.srcObject = new MediaStream()
call.ontrack = ({ track }) => player.srcObject.addTrack(track)
call.addTransceiver('audio', { direction: 'recvonly' })
call.addTransceiver('video', { direction: 'recvonly' })

// offer gathers every candidate.
window.offer = async () => {
  const gathered = new Promise(done => {
    call.onicecandidate = ({ candidate }) => { if (!candidate) done() }
  })
  await call.setLocalDescription()
  await gathered
  return call.localDescription.sdp
}

// answer ends when the connection is up.
window.answer = async sdp => {
  const connected = new Promise((done, fail) => {
    call.onconnectionstatechange = () => {
      if (call.connectionState === 'connected') done()
      if (call.connectionState === 'failed') fail(new Error('the connection failed'))
    }
  })
  await call.setRemoteDescription({ type: 'answer', sdp })
  await connected
  return true
}

const inbound = async () => {
  const found = {}
  for (const report of (await call.getStats()).values()) {
    if (report.type === 'inbound-rtp') found[report.kind] = report
  }
  return found
}

// Each quarter second is one moment: how far the picture is behind the sound, in milliseconds of the sender's
// clock, and what the sound was like while it lasted.
const moments = []
setInterval(async () => {
  const { audio, video } = await inbound()
  if (!audio || !video) return
  moments.push({
    skew: audio.estimatedPlayoutTimestamp - video.estimatedPlayoutTimestamp || 0,
    packets: audio.packetsReceived,
    concealed: audio.concealedSamples,
    samples: audio.totalSamplesReceived,
    frames: video.framesDecoded
  })
}, 250)

window.report = async () => ({ ...await inbound(), moments })
