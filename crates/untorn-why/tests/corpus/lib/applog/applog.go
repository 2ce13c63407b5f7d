// Package applog writes lines to a sink that takes its time.
package applog

// Sink has a queue of lines.
type Sink struct{ lines chan string }

// NewSink returns one, and starts the goroutine that empties the queue.
func NewSink(slow func()) *Sink {
	s := &Sink{lines: make(chan string)}
	go s.drain(slow)
	return s
}

func (s *Sink) drain(slow func()) {
	for range s.lines {
		slow()
	}
}

// Write queues a line, and waits until there is room.
func (s *Sink) Write(line string) { s.lines <- line }
