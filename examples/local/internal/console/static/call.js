// The card of one call.
import { points } from './chart.js'
import { Listener } from './listener.js'

// clock is a number of seconds as players show it.
export function clock(seconds) {
  const s = Math.floor(seconds)
  const two = n => String(n).padStart(2, '0')
  return s < 3600 ? `${Math.floor(s / 60)}:${two(s % 60)}` : `${Math.floor(s / 3600)}:${two(Math.floor(s / 60) % 60)}:${two(s % 60)}`
}

const words = {
  connecting: 'connecting', connected: 'connected', disconnected: 'server is silent', failed: 'connection lost', closed: 'over', timeout: 'no connection'
}

export class Call {
  // act(verb, request) runs a verb on the call; next() asks for a source.
  constructor(id, { act, next, leave }) {
    this.id = id
    this.history = { kbps: [], loss: [], pacing: [], skew: [], processor: [] }
    this.element = document.getElementById('call').content.firstElementChild.cloneNode(true)
    this.element.dataset.call = id
    this.find = selector => this.element.querySelector(selector)
    this.listener = new Listener(`api/calls/${id}/listen`, () => this.#showListener())
    this.video = this.find('video')
    this.video.srcObject = this.listener.stream
    this.video.setAttribute('aria-label', `Picture of call ${id}`)
    this.find('.pause').onclick = () => act(this.state.paused ? 'resume' : 'pause')
    this.find('.mute').onclick = () => act(this.state.muted ? 'unmute' : 'mute')
    this.find('.next').onclick = next
    this.find('.leave').onclick = leave
    this.find('.listen').onclick = () => this.listener.wanted ? this.listener.stop() : this.listen()
    this.find('.sound').onclick = () => { this.video.muted = false; this.#play() }
    this.seek = this.find('.seek input')
    this.seek.oninput = () => { this.seeking = true; this.find('.position').value = clock(this.seek.value) }
    this.seek.onchange = async () => {
      await act('seek', { seconds: Number(this.seek.value) })
      this.seeking = false
    }
    const volume = this.find('.volume input')
    volume.oninput = () => { this.turning = true; this.find('.volume output').value = `${volume.value} %` }
    volume.onchange = async () => {
      await act('volume', { percent: Number(volume.value) })
      this.turning = false
    }
  }

  async listen() {
    await this.listener.start()
    this.#play()
  }

  // Browsers play sound only after a click: until then the picture moves without.
  #play() {
    this.video.play().then(() => this.#showSound()).catch(() => {
      this.video.muted = true
      this.video.play().catch(() => {})
      this.#showSound()
    })
  }

  #showSound() { this.find('.sound').hidden = !this.video.muted }

  #showListener() {
    const button = this.find('.listen')
    button.setAttribute('aria-pressed', this.listener.wanted)
    button.textContent = { off: 'Listen', connecting: 'Connecting…', listening: 'Listening' }[this.listener.state]
  }

  // show takes the call's part of a state.
  async show(state, processor) {
    this.state = state
    await this.listener.look().catch(() => {})
    this.#record(state, processor)
    this.find('h3').textContent = `${this.id} · ${state.title || 'joining'}`
    const badge = this.find('.badge')
    const well = state.connection === 'connected' && state.dark === 0
    badge.className = well ? 'badge' : 'badge bad'
    badge.textContent = state.dark > 0 ? `black-out, ${Math.ceil(state.dark)} s left`
      : state.connection !== 'connected' ? words[state.connection] ?? state.connection
      : state.paused ? 'paused' : state.muted ? 'muted' : state.playing ? 'playing' : 'silent'
    const pause = this.find('.pause')
    pause.textContent = state.paused ? 'Resume' : 'Pause'
    const mute = this.find('.mute')
    mute.textContent = state.muted ? 'Unmute' : 'Mute'
    mute.setAttribute('aria-pressed', state.muted)
    this.find('meter').value = this.listener.level
    this.find('.nopicture').hidden = state.video
    this.video.style.visibility = state.video ? 'visible' : 'hidden'
    this.seek.disabled = !state.duration || !state.playing
    this.find('.duration').value = state.live ? 'live' : state.duration ? clock(state.duration) : '–'
    if (!this.seeking) {
      this.seek.max = state.duration || 0
      this.seek.value = Math.min(state.position, state.duration || 0)
      this.find('.position').value = clock(state.position)
    }
    this.seek.setAttribute('aria-valuetext', `${clock(this.seek.value)} of ${clock(state.duration)}`)
    if (!this.turning) {
      this.find('.volume input').value = state.volume
      this.find('.volume output').value = `${state.volume} %`
    }
    const note = this.find('.note')
    note.className = well ? 'note' : 'note bad'
    note.textContent = this.#advice(state)
  }

  // advice says what is wrong and what to do.
  #advice(state) {
    if (state.connection === 'disconnected') return 'The server has been silent for 3 s. The call plays on and waits for it; if it does not come back in 10 s, the demo joins again.'
    if (state.connection === 'failed') return `${state.trouble}. The demo joins again, and the source goes on where it was.`
    if (!state.playing) return 'The source has ended. Choose another and press Next or Play.'
    if (state.next) return `next: ${state.next}`
    return ''
  }

  #record(state, processor) {
    const push = (list, value) => { list.push(Number.isFinite(value) ? value : null); if (list.length > points) list.shift() }
    push(this.history.kbps, this.listener.kbps)
    push(this.history.loss, state.stats.lossPercent)
    push(this.history.pacing, state.stats.pacingMs)
    push(this.history.skew, this.listener.skew)
    push(this.history.processor, processor)
  }

  remove() {
    this.listener.stop()
    this.element.remove()
  }
}
