// Package worker computes hashes away from the requests: in child processes of low
// priority, or inside the service where no child can be started. It knows nothing of
// hashing: what is computed is a function that both sides are given.
//
// Why processes: under load the kernel must give requests precedence over hashes, and
// threads of one process still share its garbage collector, whose pauses wait for a
// thread of low priority. Children share nothing and keep their memory to themselves.
//
// The flow in the service: a Pool starts one child per slot, which is this program
// again with the hidden command hash-worker. The child greets, and from then on gets
// one job at a time over a pipe (see Pool.Run) and answers over another. A child that
// dies, is stopped, stays silent or talks nonsense is killed and replaced, and its job
// is given to the new one, once. Where a child cannot be started, jobs are computed
// inside the process, few at a time, and starting is tried again with growing pauses.
//
// The flow in the child: Main lowers its priority and its rights, greets, computes
// job after job, and gives memory back when there is nothing to do. It ends with the
// end of file on its pipe, at once, and is killed when the service dies.
package worker
