// Listens to one call: its picture and sound, and what the browser says of them.
import { receive } from './receive.js'

const retryAfter = 1000

export class Listener {
  stream = new MediaStream()
  stats = null // of the last look
  level = 0    // loudness, 0 to 1
  kbps = null  // since the look before
  skew = null  // ms by which sound is after the picture
  state = 'off'
  #url
  #connection
  #attempt = 0 // the newest to connect: what is left of others is dropped
  #changed

  constructor(url, changed) {
    this.#url = url
    this.#changed = changed
  }

  get wanted() { return this.state !== 'off' }

  async start() {
    if (!this.wanted) await this.#connect()
  }

  stop() {
    this.#attempt++
    this.#drop()
    this.#set('off')
  }

  async #connect() {
    const attempt = ++this.#attempt
    const fresh = new MediaStream()
    this.#set('connecting')
    this.#drop()
    try {
      const connection = await receive(this.#url, fresh, () => this.#again(attempt))
      if (attempt !== this.#attempt) return connection.close()
      this.#connection = connection
      for (const track of fresh.getTracks()) this.stream.addTrack(track)
      this.#set('listening')
    } catch {
      this.#again(attempt)
    }
  }

  #again(attempt) {
    if (attempt !== this.#attempt) return
    this.#set('connecting')
    setTimeout(() => { if (attempt === this.#attempt) this.#connect() }, retryAfter)
  }

  #drop() {
    this.#connection?.close()
    this.#connection = null
    this.stats = this.kbps = this.skew = null
    this.level = 0
    for (const track of this.stream.getTracks()) this.stream.removeTrack(track)
  }

  #set(state) {
    this.state = state
    this.#changed()
  }

  // look reads what the browser counts.
  async look() {
    if (!this.#connection) return
    const found = {}
    for (const report of (await this.#connection.getStats()).values()) {
      if (report.type === 'inbound-rtp') found[report.kind] = report
    }
    const { audio, video } = found
    if (!audio) return
    const before = this.stats?.audio
    if (before && audio.totalSamplesDuration > before.totalSamplesDuration) {
      const rms = Math.sqrt(Math.max(0, audio.totalAudioEnergy - before.totalAudioEnergy) / (audio.totalSamplesDuration - before.totalSamplesDuration))
      this.level = Math.min(1, Math.max(0, 1 + Math.log10(Math.max(rms, 1e-5)) / 2.5))
    }
    const received = (audio.bytesReceived + (video?.bytesReceived ?? 0)) * 8 / 1000
    const at = audio.timestamp
    this.kbps = this.stats && at > this.stats.at ? (received - this.stats.received) / (at - this.stats.at) * 1000 : null
    this.skew = audio.estimatedPlayoutTimestamp && video?.estimatedPlayoutTimestamp
      ? audio.estimatedPlayoutTimestamp - video.estimatedPlayoutTimestamp : null
    this.stats = { audio, video, received, at }
  }
}
