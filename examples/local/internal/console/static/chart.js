// A line chart of the last minute.

// points are what a chart shows: four a second.
export const points = 240
const width = 240
const height = 52

export class Chart {
  #path
  #now
  #digits
  #unit

  constructor(parent, title, unit, digits = 0) {
    const figure = document.createElement('figure')
    figure.className = 'chart'
    figure.innerHTML = `<figcaption><span></span><b></b></figcaption>
      <svg viewBox="0 0 ${width} ${height}" preserveAspectRatio="none" aria-hidden="true"><path></path></svg>`
    figure.querySelector('span').textContent = title
    this.#now = figure.querySelector('b')
    this.#path = figure.querySelector('path')
    this.#digits = digits
    this.#unit = unit
    parent.append(figure)
  }

  // show draws values, points at most, oldest first; null is a gap.
  show(values) {
    const known = values.filter(v => v !== null)
    const last = known.at(-1)
    this.#now.textContent = last === undefined ? '–' : `${last.toFixed(this.#digits)} ${this.#unit}`
    const top = Math.max(1, ...known) * 1.1
    const bottom = Math.min(0, ...known) * 1.1
    let path = ''
    let pen = 'M'
    values.forEach((v, i) => {
      if (v === null) { pen = 'M'; return }
      const x = width - (values.length - 1 - i) * width / (points - 1)
      const y = height - 3 - (v - bottom) / (top - bottom) * (height - 6)
      path += `${pen}${x.toFixed(1)} ${y.toFixed(1)}`
      pen = 'L'
    })
    this.#path.setAttribute('d', path)
  }
}
