import { receive } from './receive.js'

const [player, button, state] = ['player', 'listen', 'state'].map(id => document.getElementById(id))

// Browsers play sound only after a click.
button.onclick = async () => {
  button.hidden = true
  state.textContent = 'connecting…'
  const stream = new MediaStream()
  player.srcObject = stream
  player.onresize = () => { player.hidden = false } // there is a picture
  try {
    await receive('offer', stream, () => over('the call is over'))
    player.play().catch(() => {})
    state.textContent = 'listening'
  } catch (err) {
    over(err.message)
  }
}

function over(why) {
  player.hidden = true
  button.hidden = false
  state.textContent = why
}
