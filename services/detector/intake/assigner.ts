/** Which detector owns which partition: all topics' partition p of a bank go to the same one, so that a customer's records meet. */
import type { PartitionAssigner } from 'kafkajs'
import { AssignerProtocol } from '../../shared/kafka/kafkajs.ts'

const { MemberAssignment, MemberMetadata } = AssignerProtocol

/** A number that spreads banks over members, so that partition 0 of every bank does not go to the first. */
const spread = (tenant: string): number => {
  let h = 0
  for (let i = 0; i < tenant.length; i++) h = (Math.imul(h, 31) + tenant.charCodeAt(i)) >>> 0
  return h
}

export const coPartitioned: PartitionAssigner = ({ cluster }) => ({
  name: 'AssayCoPartitioned',
  version: 1,
  async assign({ members, topics }) {
    const ids = members.map((m) => m.memberId).sort()
    const assignment = new Map<string, Record<string, number[]>>(ids.map((id) => [id, {}]))
    for (const topic of topics) {
      const bank = topic.split('.')[1] ?? topic
      for (const { partitionId } of cluster.findTopicPartitionMetadata(topic)) {
        const mine = assignment.get(ids[(spread(bank) + partitionId) % ids.length]) as Record<string, number[]>
        const list = mine[topic]
        if (list) list.push(partitionId)
        else mine[topic] = [partitionId]
      }
    }
    return [...assignment].map(([memberId, mine]) => ({
      memberId,
      memberAssignment: MemberAssignment.encode({ version: 1, assignment: mine, userData: Buffer.alloc(0) }),
    }))
  },
  protocol({ topics }) {
    return { name: 'AssayCoPartitioned', metadata: MemberMetadata.encode({ version: 1, topics, userData: Buffer.alloc(0) }) }
  },
})
