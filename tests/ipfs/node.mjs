// A real IPFS node for the tests, offline: js-ipfs with its own HTTP RPC (the API of kubo), and a trustless gateway
// over it: https://specs.ipfs.tech/http-gateways/trustless-gateway/ . Argument: the folder of its repository.
// Prints one line of JSON: the addresses of both. It ends when its standard input does.
import { createServer } from 'node:http'

// js-ipfs runs on Node 20, some of what it uses wants this of Node 22.
Promise.withResolvers ??= function () {
  let resolve, reject
  const promise = new this((a, b) => { resolve = a; reject = b })
  return { promise, resolve, reject }
}
const { create } = await import('ipfs-core')
const { HttpApi } = await import('ipfs-http-server')
const { CID } = await import('multiformats/cid')

const ipfs = await create({
  repo: process.argv[2],
  offline: true,
  silent: true,
  init: { emptyRepo: true, algorithm: 'Ed25519' },
  config: {
    Addresses: { Swarm: [], API: '/ip4/127.0.0.1/tcp/0', Gateway: '', Delegates: [] },
    Bootstrap: [],
    Discovery: { MDNS: { Enabled: false }, webRTCStar: { Enabled: false } },
    Pubsub: { Enabled: false }
  }
})
const api = new HttpApi(ipfs)
await api.start()

const gateway = createServer(async (request, response) => {
  const url = new URL(request.url, 'http://gateway')
  const format = url.searchParams.get('format')
  try {
    const cid = CID.parse(url.pathname.replace('/ipfs/', ''))
    const block = await ipfs.block.get(cid, { timeout: 1000 })
    response.setHeader('Content-Type', `application/vnd.ipld.${format}`)
    if (format === 'raw') {
      response.end(block)
    } else {
      for await (const piece of ipfs.dag.export(cid)) response.write(piece)
      response.end()
    }
  } catch (error) {
    response.statusCode = 404
    response.end(String(error.message))
  }
})
gateway.listen(0, '127.0.0.1', () => {
  console.log(JSON.stringify({ api: api._apiServers[0].info.uri, gateway: `http://127.0.0.1:${gateway.address().port}` }))
})
process.stdin.resume().on('end', () => process.exit(0))
