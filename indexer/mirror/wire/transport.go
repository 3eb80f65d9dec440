package wire

import "io"

// A transport reaches the upload-pack of one remote. What is above it, the protocol engine, is the same for all.
//
// There are two sorts. Over a stateless one (HTTP) every exchange is a request of its own and the server's greeting need not
// be asked for again once known. Over a stateful one (a duplex stream such as ssh or git://) the server greets first, always,
// and the exchanges follow on the same stream.
type transport interface {
	// dial begins the conversation of one operation. Waits are bounded by the operation.
	dial(o *operation) (conn, error)
	// dialVersion is dial for a version that the server is asked to greet with; it may answer with an older one.
	dialVersion(o *operation, version int) (conn, error)
	// stateful tells that every conversation begins with a greeting.
	stateful() bool
}

// A conn is one conversation with upload-pack. Its readers go through operation.watch, so that silence and
// cancellation end them, and are read by the engine to the end of a message; a new call makes the last reader invalid.
type conn interface {
	// greeting is what the server says first: its capabilities (version 2), or its refs (0 and 1).
	greeting() (io.Reader, error)
	// exchange sends one whole request, under the given protocol version, and gives the answer. A stateful
	// implementation sends while the answer is read: a server may answer before it has read all.
	exchange(version int, request []byte) (io.Reader, error)
	// close ends the conversation: after a failure at once, else so that the connection can serve again.
	close(failed bool)
}
