package packfile

// stream is one zlib stream for inflater.inflate: where it begins in the source, which may go on behind it, and where in the
// destination its bytes go, of which there must be exactly as many. Its layout is that of struct stream in the C part.
type stream struct {
	in  uint64
	out uint64
	len uint64
	bad uint64 // set when the stream is damaged or of another length
}
