// The Go program that does what the buttons did.

const quote = text => JSON.stringify(text).replace(/[\u2028\u2029]/g, ' ')

const both = 'gotgcall.EncodeOptions{Tracks: gotgcall.TrackAudio | gotgcall.TrackVideo}'

// goSource is the expression for a source.
function goSource(input, patterns) {
  if (input.kind === 'url') return `gotgcall.FromURL(${quote(input.value)}, ${both})`
  if (input.kind === 'pattern') {
    const pattern = patterns.find(p => p.name === input.value)
    const tracks = pattern.command.includes('-c:v') ? 'gotgcall.TrackAudio|gotgcall.TrackVideo' : 'gotgcall.TrackAudio'
    return `gotgcall.FromShell(${quote(pattern.command)}, ${tracks})`
  }
  return `gotgcall.FromFile(${quote(input.value)}, ${both})`
}

const steps = {
  play: (r, p) => check(`client.SetStreamSources(chatID, ${goSource(r.source, p)})`),
  next: (r, p) => check(`client.SetNextSource(chatID, ${goSource(r.source, p)})`),
  pause: () => changed('Pause'),
  resume: () => changed('Resume'),
  mute: () => changed('Mute'),
  unmute: () => changed('Unmute'),
  seek: r => check(`client.SeekTo(chatID, ${Math.round(r.seconds * 1000)}*time.Millisecond)`),
  volume: r => check(`client.SetSound(chatID, gotgcall.Sound{Volume: ${r.percent}})`)
}

const check = call => `\tif err := ${call}; err != nil {\n\t\treturn err\n\t}\n`
const changed = verb => check(`changed(client.${verb}(chatID))`)

// goCode is the program for a list of verbs and their requests.
export function goCode(verbs, patterns) {
  const body = verbs.map(({ verb, request }) => steps[verb]?.(request, patterns) ?? '').join('')
  const imports = ['"context"', body.includes('time.') ? '"time"' : '', '', '"github.com/gotgcall/gotgcall"']
  const helper = body.includes('changed(') ? '\n// changed drops whether a verb changed anything.\nfunc changed(_ bool, err error) error { return err }\n' : ''
  return `package main

import (
${imports.filter((line, i) => line || i === 2).map(line => line && '\t' + line).join('\n')}
)

// play joins a chat's call and plays. join is phone.joinGroupCall.
func play(ctx context.Context, chatID int64, join func(ctx context.Context, params string) (string, error)) error {
\tclient, err := gotgcall.New()
\tif err != nil {
\t\treturn err
\t}
\tdefer client.Close()
\tparams, err := client.CreateCall(chatID)
\tif err != nil {
\t\treturn err
\t}
\tanswer, err := join(ctx, params)
\tif err != nil {
\t\treturn err
\t}
\tif err := client.Connect(chatID, answer); err != nil {
\t\treturn err
\t}
${body}\t<-ctx.Done()
\treturn nil
}
${helper}`
}
