// Receives a call: one offer, one answer, no other signalling.

// receive connects and returns the RTCPeerConnection, or throws. Its tracks go into stream, and lost is called once when
// the connection is over.
export async function receive(url, stream, lost) {
  const call = new RTCPeerConnection()
  try {
    call.ontrack = ({ track }) => stream.addTrack(track)
    call.addTransceiver('audio', { direction: 'recvonly' })
    call.addTransceiver('video', { direction: 'recvonly' })
    const gathered = new Promise(done => {
      call.onicecandidate = ({ candidate }) => { if (!candidate) done() }
    })
    await call.setLocalDescription()
    await gathered
    const response = await fetch(url, { method: 'POST', body: call.localDescription.sdp })
    const text = await response.text()
    if (!response.ok) throw new Error(text.trim())
    const connected = new Promise((done, fail) => {
      let over = () => fail(new Error('the connection is lost'))
      call.onconnectionstatechange = () => {
        if (call.connectionState === 'connected') {
          over = lost
          done()
        }
        if (['disconnected', 'failed', 'closed'].includes(call.connectionState)) {
          call.onconnectionstatechange = null
          call.close()
          over()
        }
      }
    })
    await call.setRemoteDescription({ type: 'answer', sdp: text })
    await connected
    return call
  } catch (err) {
    call.close()
    throw err
  }
}
