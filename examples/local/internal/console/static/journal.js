// Events, and the library's log with its filter.

const kept = 1000
const shown = 200
const levels = ['DEBUG', 'INFO', 'WARN', 'ERROR']

const events = document.getElementById('events')
const log = document.getElementById('log')
const filter = document.getElementById('filter')
const level = document.getElementById('level')
let entries = []

function line(entry) {
  const item = document.createElement('li')
  item.className = `${entry.kind} ${entry.level}`
  const time = document.createElement('time')
  time.dateTime = entry.at
  time.textContent = new Date(entry.at).toLocaleTimeString('en-GB')
  item.append(time, (entry.call ? `${entry.call} · ` : '') + entry.text)
  return item
}

const passes = entry => entry.kind === 'log' && levels.indexOf(entry.level) >= levels.indexOf(level.value) &&
  entry.text.toLowerCase().includes(filter.value.toLowerCase())

function put(list, entry) {
  list.prepend(line(entry))
  while (list.children.length > shown) list.lastChild.remove()
}

// add shows new entries, oldest first.
export function add(fresh) {
  for (const entry of fresh) {
    if (entry.kind !== 'log') put(events, entry)
    else if (passes(entry)) put(log, entry)
  }
  entries = entries.concat(fresh).slice(-kept)
}

filter.oninput = level.onchange = () => {
  log.replaceChildren(...entries.filter(passes).slice(-shown).reverse().map(line))
}

// clear forgets everything: the server sends it again.
export function clear() {
  entries = []
  events.replaceChildren()
  log.replaceChildren()
}
