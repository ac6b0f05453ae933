// The server of this page: requests, and the state that it sends.

// request sends JSON, or a file, and returns the JSON of the answer. It throws what the server says.
export async function request(method, path, body) {
  let response
  try {
    response = await fetch('api/' + path, { method, body: body instanceof Blob ? body : JSON.stringify(body ?? {}) })
  } catch {
    throw new Error('The demo does not answer. Is it still running in the terminal?')
  }
  if (!response.ok) throw new Error((await response.text()).trim())
  return response.status === 204 ? null : response.json()
}

export const sources = async () => (await fetch('api/sources')).json()

// follow calls update with each state, and gone when there is none any longer.
export function follow(update, gone) {
  const events = new EventSource('api/events')
  events.onmessage = ({ data }) => update(JSON.parse(data))
  events.onerror = gone
}
