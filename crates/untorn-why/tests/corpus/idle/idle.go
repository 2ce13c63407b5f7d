// Package idle starts what runs in every service beside the part that crashes: pools that wait for
// work, reporters, janitors of other caches, listeners.
package idle

import (
	"net"
	"os"
	"os/signal"
	"strconv"
	"sync"
	"time"
)

// Start starts some goroutines of each kind that the caller wants.
func Start(kinds ...string) {
	for _, kind := range kinds {
		switch kind {
		case "mail":
			mailer := &Mailer{queue: make(chan string)}
			for i := 0; i < 3; i++ {
				go mailer.deliver()
			}
		case "metrics":
			go NewMetrics().flushLoop()
		case "evict":
			evictor := &Evictor{seen: map[string]time.Time{}}
			go evictor.evictLoop(20 * time.Millisecond)
		case "audit":
			go (&Audit{lines: make(chan string, 4)}).writeLoop()
		case "lease":
			lease := &Lease{}
			lease.changed = sync.NewCond(&lease.mu)
			go lease.renew()
		case "signals":
			go watchSignals()
		case "listen":
			go listen()
		case "pipe":
			go followPipe()
		case "locked":
			ledger := &Ledger{rows: map[int]int{}}
			ledger.mu.Lock()
			for i := 0; i < 2; i++ {
				go ledger.Add(i)
			}
		case "wait":
			go drain()
		}
	}
}

// Mailer has a pool of goroutines that wait for mail.
type Mailer struct{ queue chan string }

func (m *Mailer) deliver() {
	for range m.queue {
	}
}

// Metrics counts under its own lock.
type Metrics struct {
	mu     sync.Mutex
	counts map[string]int
	tick   *time.Ticker
	stop   chan struct{}
}

// NewMetrics returns one that flushes often.
func NewMetrics() *Metrics {
	return &Metrics{
		counts: map[string]int{},
		tick:   time.NewTicker(5 * time.Millisecond),
		stop:   make(chan struct{}),
	}
}

func (m *Metrics) flushLoop() {
	for n := 0; ; n++ {
		select {
		case <-m.tick.C:
			m.update(n)
		case <-m.stop:
			return
		}
	}
}

func (m *Metrics) update(n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.counts[strconv.Itoa(n%8)] = n
}

// Evictor is the janitor of another cache, whose map only its own goroutine uses.
type Evictor struct{ seen map[string]time.Time }

func (e *Evictor) evictLoop(every time.Duration) {
	for {
		e.seen["now"] = time.Now()
		delete(e.seen, "then")
		time.Sleep(every)
	}
}

// Audit writes lines.
type Audit struct{ lines chan string }

func (a *Audit) writeLoop() {
	for line := range a.lines {
		os.Stdout.WriteString(line)
	}
}

// Lease waits for a change.
type Lease struct {
	mu      sync.Mutex
	changed *sync.Cond
}

func (l *Lease) renew() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for {
		l.changed.Wait()
	}
}

// Ledger has a lock that is never released, and goroutines that wait for it.
type Ledger struct {
	mu   sync.Mutex
	rows map[int]int
}

// Add adds to a row.
func (l *Ledger) Add(row int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.rows[row]++
}

func watchSignals() {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt)
	<-signals
	os.Exit(0)
}

func listen() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return
	}
	for {
		connection, err := listener.Accept()
		if err != nil {
			return
		}
		connection.Close()
	}
}

func followPipe() {
	read, _, err := os.Pipe()
	if err != nil {
		return
	}
	var line [16]byte
	read.Read(line[:])
}

func drain() {
	var wait sync.WaitGroup
	wait.Add(1)
	go func() {
		defer wait.Done()
		select {}
	}()
	wait.Wait()
}
