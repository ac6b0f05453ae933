// The page: a form that plays, a card for each call, and the engine's panel.
import { follow, request, sources } from './api.js'
import { Call } from './call.js'
import { goCode } from './snippet.js'
import * as journal from './journal.js'
import * as panel from './panel.js'

const byID = id => document.getElementById(id)
const form = byID('source')
const maxUpload = 512 * 2 ** 20 // the server's
const inspect = byID('inspect')
const calls = new Map()
const done = new Map() // what was done with each call, for the snippet
let patterns = []

// fail says in words what is wrong.
function fail(err) {
  byID('problem').querySelector('p').textContent = err.message
  byID('problem').hidden = false
}

byID('problem').querySelector('button').onclick = () => { byID('problem').hidden = true }

// act runs a verb on a call.
async function act(id, verb, body) {
  try {
    await request('POST', `calls/${id}/${verb}`, body)
    byID('problem').hidden = true
    note(id, verb, body)
  } catch (err) {
    fail(err)
  }
}

function note(id, verb, body) {
  if (!done.has(id)) done.set(id, [])
  const list = done.get(id)
  if (list.at(-1)?.verb === verb && ['seek', 'volume'].includes(verb)) list.pop()
  list.push({ verb, request: body })
  showCode()
}

const inspected = () => calls.get(Number(inspect.value))

function showCode() {
  byID('code').textContent = goCode(done.get(Number(inspect.value)) ?? [], patterns)
}

// chosen is the input that the form describes. A file is uploaded first.
async function chosen() {
  const kind = form.elements.kind.value
  if (kind !== 'upload') {
    const value = form.elements[kind].value.trim()
    if (!value) throw new Error(kind === 'file' ? 'The demo folder is empty: upload a file first.' : 'Enter an address that begins with http:// or https://.')
    return { kind, value }
  }
  const file = form.elements.upload.files[0]
  if (!file) throw new Error('Choose a file first.')
  if (file.size > maxUpload) throw new Error('The file is too big: an upload may have 512 MB. Put it into a folder, and start the demo with -folder.')
  await request('POST', `files/${encodeURIComponent(file.name)}`, file)
  await listSources()
  return { kind: 'file', value: file.name }
}

// busy runs something while the form's button waits.
async function busy(run) {
  const button = form.querySelector('button')
  button.disabled = true
  button.textContent = 'Opening…'
  try {
    await run()
  } catch (err) {
    fail(new Error(`Nothing was changed. Choose another source, or mend this one:\n${err.message}`))
  } finally {
    button.disabled = false
    button.textContent = 'Play'
  }
}

form.onsubmit = event => {
  event.preventDefault()
  busy(async () => {
    const source = await chosen()
    const where = Number(form.elements.where.value)
    if (where) return act(where, 'play', { source })
    const { id } = await request('POST', 'calls', source)
    byID('problem').hidden = true
    note(id, 'play', { source })
    card(id)
    inspect.value = id
    showCode()
  })
}

form.onchange = ({ target }) => {
  if (target.name !== 'kind') return
  for (const field of form.querySelectorAll('[data-kind]')) field.hidden = field.dataset.kind !== target.value
  if (target.value === 'file') listSources().catch(fail) // there may be more meanwhile
}

// fill gives a list its options, and keeps what is chosen.
function fill(select, options) {
  const { value } = select
  select.replaceChildren(...options)
  if (options.some(o => o.value === value)) select.value = value
}

async function listSources() {
  const found = await sources()
  patterns = found.patterns
  fill(form.elements.pattern, patterns.map(p => new Option(p.title, p.name)))
  fill(form.elements.file, found.files.map(f => new Option(f.name, f.name)))
  showCode()
}

// card is the card of a call, which it makes if there is none. The page listens to it.
function card(id) {
  if (calls.has(id)) return calls.get(id)
  const call = new Call(id, {
    act: (verb, body) => act(id, verb, body),
    next: () => busy(async () => act(id, 'next', { source: await chosen() })),
    leave: () => request('DELETE', `calls/${id}`).catch(fail)
  })
  calls.set(id, call)
  byID('calls').append(call.element)
  const option = new Option(`call ${id}`, id)
  if (calls.size === 1) inspect.replaceChildren()
  inspect.append(option)
  form.elements.where.append(new Option(`in call ${id}`, id))
  call.listen()
  showCode()
  return call
}

function remove(call) {
  call.remove()
  calls.delete(call.id)
  done.delete(call.id)
  for (const select of [inspect, form.elements.where]) [...select.options].find(o => o.value === String(call.id))?.remove()
  if (calls.size === 0) inspect.replaceChildren(new Option('no call', ''))
  showCode()
}

async function update(state) {
  const ids = new Set(state.calls.map(c => c.id))
  for (const call of [...calls.values()]) if (call.state && !ids.has(call.id)) remove(call)
  const processor = state.processor < 0 ? NaN : 1000 * state.processor / Math.max(1, state.calls.length)
  await Promise.all(state.calls.map(c => card(c.id).show(c, processor)))
  byID('idle').hidden = state.calls.length > 0
  const status = byID('status')
  const text = state.calls.length === 1 ? '1 call' : `${state.calls.length} calls`
  status.className = 'status'
  if (status.textContent !== text) status.textContent = text
  panel.show(inspected())
  panel.showLoad(state.load)
  journal.add(state.journal)
}

panel.setUp((verb, body) => act(Number(inspect.value), verb, body), fail)
inspect.onchange = () => { panel.show(inspected()); showCode() }
byID('copy').onclick = async () => {
  await navigator.clipboard.writeText(byID('code').textContent).catch(fail)
  byID('copy').textContent = 'Copied'
  setTimeout(() => { byID('copy').textContent = 'Copy' }, 1500)
}

// The state comes four times a second: one that arrives while the last is shown is left out, but for its journal.
let showing = false
let waiting = []
follow(async state => {
  if (showing) return waiting.push(...state.journal)
  showing = true
  try {
    await update({ ...state, journal: [...waiting.splice(0), ...state.journal] })
  } finally {
    showing = false
  }
}, () => {
  byID('status').textContent = 'The demo has ended. Start it again in the terminal: make demo'
  byID('status').className = 'status bad'
  journal.clear()
})
listSources().catch(fail)

// What tests look at, and whatever went wrong.
window.demo = { calls, errors: [] }
for (const kind of ['error', 'unhandledrejection']) {
  window.addEventListener(kind, event => window.demo.errors.push(String(event.reason ?? event.message)))
}
