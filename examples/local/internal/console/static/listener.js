// Listens to one call: its picture and sound, and what the browser says of them.
import { receive } from './receive.js'

const retryAfter = 1000

export class Listener {
  stream = new MediaStream()
  stats = null // of the last look
  level = 0    // loudness, 0 to 1
  state = 'off'
  #url
  #connection
  #wanted = false
  #changed

  constructor(url, changed) {
    this.#url = url
    this.#changed = changed
  }

  get wanted() { return this.#wanted }

  async start() {
    if (this.#wanted) return
    this.#wanted = true
    await this.#connect()
  }

  stop() {
    this.#wanted = false
    this.#drop()
    this.#set('off')
  }

  async #connect() {
    if (!this.#wanted) return
    this.#set('connecting')
    this.#drop()
    try {
      const connection = await receive(this.#url, this.stream, () => this.#again())
      if (!this.#wanted) return connection.close()
      this.#connection = connection
      this.#set('listening')
    } catch {
      this.#again()
    }
  }

  #again() {
    if (!this.#wanted) return
    this.#set('connecting')
    setTimeout(() => this.#connect(), retryAfter)
  }

  #drop() {
    this.#connection?.close()
    this.#connection = null
    this.stats = null
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
