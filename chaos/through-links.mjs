// Leads a process's connections to the servers through links: node --import ./chaos/through-links.mjs, with CHAOS_LINKS, JSON of server's port → link's port.
import { Socket } from 'node:net'

const links = JSON.parse(process.env.CHAOS_LINKS)
const { connect } = Socket.prototype

Socket.prototype.connect = function (...args) {
  // net.connect hands its arguments over as one list: options and callback.
  const list = Array.isArray(args[0]) ? args[0] : args
  if (list[0]?.port in links) list[0] = { ...list[0], port: links[list[0].port] }
  return connect.apply(this, args)
}
