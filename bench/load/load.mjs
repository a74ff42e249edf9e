// Calls a model server by autocannon and prints {calls, seconds, p50, p99, statuses} as JSON; latencies in milliseconds.
//
//     node load.mjs URL CONNECTIONS CALLS BODY HEADER-LENGTH [VOUCHERS]
//
// BODY is a file with the request's body; VOUCHERS one with a voucher on each line: each call takes the next one.
import {readFileSync} from 'node:fs'
import autocannon from 'autocannon'

const [url, connections, calls, bodyFile, headerLength, vouchersFile] = process.argv.slice(2)
const body = readFileSync(bodyFile)
const vouchers = vouchersFile ? readFileSync(vouchersFile, 'utf8').split('\n').filter(Boolean) : null
if (vouchers && vouchers.length < Number(calls)) throw new Error(`${vouchers.length} vouchers for ${calls} calls`)
const headers = {'content-type': 'application/octet-stream', 'inference-header-content-length': headerLength}

let next = 0
const took = []
const statuses = {}
let refusal = ''
let first = 0
let last = 0

const run = autocannon({
  url,
  connections: Number(connections),
  amount: Number(calls),
  timeout: 60,
  requests: [
    {
      method: 'POST',
      body,
      headers,
      setupRequest: (request) =>
        vouchers ? {...request, headers: {...headers, 'mlm-voucher': vouchers[next++]}} : request,
      onResponse: (status, answer) => {
        if (status !== 200) refusal ||= `${status}: ${answer.slice(0, 300)}`
      },
    },
  ],
  setupClient: (client) => {
    client.on('response', (status, bytes, milliseconds) => {
      last = performance.now()
      took.push(milliseconds)
      statuses[status] = (statuses[status] ?? 0) + 1
    })
  },
}, (error) => {
  if (error) throw error
  took.sort((a, b) => a - b)
  const at = (part) => took[Math.min(took.length - 1, Math.floor(took.length * part))]
  const seconds = (last - first) / 1000
  console.log(JSON.stringify({calls: took.length, seconds, p50: at(0.5), p99: at(0.99), statuses, refusal}))
})
first = performance.now()
