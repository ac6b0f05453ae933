// What the engine does: charts and figures, the network's knobs, silent calls.
import { Chart } from './chart.js'
import { request } from './api.js'

const byID = id => document.getElementById(id)
const charts = {
  kbps: new Chart(byID('charts'), 'Received here', 'kbit/s'),
  loss: new Chart(byID('charts'), 'Lost on the way', '%', 1),
  pacing: new Chart(byID('charts'), 'Pacing error', 'ms', 1),
  skew: new Chart(byID('charts'), 'Sound after picture', 'ms'),
  processor: new Chart(byID('charts'), 'Processor per call', 'ms/s', 1)
}

const knobs = [
  ['loss', 'Loss', '%', 30, 0.5], ['delay', 'Delay, each way', 'ms', 1000, 10],
  ['jitter', 'Jitter', 'ms', 200, 5], ['rate', 'Rate cap (0: none)', 'kbit/s', 3000, 50]
]
const perfect = { loss: 0, delay: 0, jitter: 0, rate: 0 }
const inputs = {}
let turning = false

// setUp connects the controls: act(verb, request) is for the inspected call.
export function setUp(act, fail) {
  const send = async (verb, r) => { await act(verb, r); turning = false }
  for (const [name, title, unit, max, step] of knobs) {
    const label = document.createElement('label')
    label.append(title, document.createElement('output'), document.createElement('input'))
    const input = label.querySelector('input')
    Object.assign(input, { type: 'range', min: 0, max, step, value: 0, name })
    inputs[name] = { input, output: label.querySelector('output'), unit }
    input.oninput = () => { turning = true; showKnob(name) }
    input.onchange = () => send('network', { network: Object.fromEntries(knobs.map(([n]) => [n, Number(inputs[n].input.value)])) })
    byID('network').querySelector('.knobs').append(label)
    showKnob(name)
  }
  for (const button of byID('network').querySelectorAll('button')) {
    button.onclick = async () => {
      const { verb, seconds } = button.dataset
      if (verb !== 'perfect') return act(verb, { seconds: Number(seconds) || 0 })
      await send('network', { network: perfect })
      await act('blackout', { seconds: 0 })
    }
  }
  for (const button of byID('load').querySelectorAll('button')) {
    button.onclick = () => request('POST', 'load', { calls: Number(button.dataset.calls) }).catch(fail)
  }
  for (const form of [byID('network'), byID('load')]) form.onsubmit = event => event.preventDefault()
}

function showKnob(name) {
  const { input, output, unit } = inputs[name]
  output.value = `${input.value} ${unit}`
}

// show shows a call, or none.
export function show(call) {
  for (const [name, chart] of Object.entries(charts)) chart.show(call?.history[name] ?? [])
  for (const control of byID('network').querySelectorAll('button, input')) control.disabled = !call
  if (!call) return byID('figures').replaceChildren()
  if (!turning) {
    for (const [name] of knobs) {
      inputs[name].input.value = call.state.network[name]
      showKnob(name)
    }
  }
  const { stats } = call.state
  const heard = call.listener.stats
  const rows = [
    ['sent', `${stats.packets.toLocaleString('en')} packets`], ['lost for good', stats.lost.toLocaleString('en')],
    ['sent again', stats.retransmitted.toLocaleString('en')], ['round trip', `${stats.roundTripMs.toFixed(1)} ms`],
    ['jitter', `${stats.jitterMs.toFixed(1)} ms`], ['pictures shed', stats.shed], ['frames late', stats.late],
    ['listeners', call.state.listeners], ['pictures shown', heard?.video?.framesDecoded ?? '–'], ['freezes', heard?.video?.freezeCount ?? '–'],
    ['sound made up', heard ? `${(100 * heard.audio.concealedSamples / Math.max(1, heard.audio.totalSamplesReceived)).toFixed(1)} %` : '–'],
    ['rules broken', stats.violations.length]
  ]
  byID('figures').replaceChildren(...rows.map(([name, value]) => {
    const row = document.createElement('div')
    const [term, text] = [document.createElement('dt'), document.createElement('dd')]
    term.textContent = name
    text.textContent = value
    row.append(term, text)
    return row
  }))
}

// showLoad shows the silent calls.
export function showLoad(load) {
  const figure = byID('load-figures')
  let text = 'none'
  if (load.trouble) text = `They have ended: ${load.trouble}`
  else if (load.wanted && load.connected < load.wanted) text = `${load.connected} of ${load.wanted} connected…`
  else if (load.wanted && load.processor > 0) {
    text = `${load.wanted} calls, ${(1000 * load.processor / load.connected).toFixed(2)} ms of a processor per call and second: ` +
      `${Math.round(load.connected / load.processor).toLocaleString('en')} calls per core, ${Math.round(load.heapKB)} kB of heap each`
  } else if (load.wanted) text = `${load.connected} connected${load.processor < 0 ? '; this system does not say what they cost' : '…'}`
  if (figure.textContent !== text) figure.textContent = text
  for (const button of byID('load').querySelectorAll('button')) {
    button.setAttribute('aria-pressed', Number(button.dataset.calls) === load.wanted)
  }
}
