// Package plugin has codecs that are made at their first use.
package plugin

import (
	"sync"
	"time"

	"example.com/shop/mark"
)

// Codec encodes.
type Codec struct{ name string }

var codecs = map[string]*Codec{}

// For returns a codec, and makes it at its first use.
func For(name string) *Codec {
	if codec, ok := codecs[name]; ok { // notices: lazy
		return codec
	}
	codec := &Codec{name: name}
	codecs[name] = codec // writes: lazy; notices: lazy
	return codec
}

// Use uses some codecs, in a goroutine that ends.
func Use(names []string, done *sync.WaitGroup) {
	mark.Here()
	defer done.Done()
	for _, name := range names {
		For(name)
	}
}

// Reset forgets them.
func Reset() { codecs = map[string]*Codec{} }

// Machine has a state that commands change.
type Machine struct {
	state    map[string]string
	commands chan command
}

type command interface{ run(m *Machine) }

type setState struct{ key, value string }

func (c setState) run(m *Machine) {
	m.state[c.key] = c.value // writes: machine
}

// NewMachine returns one.
func NewMachine() *Machine {
	return &Machine{state: map[string]string{"power": "off"}, commands: make(chan command)}
}

// Drive runs the commands.
func (m *Machine) Drive() {
	mark.Here()
	for command := range m.commands {
		command.run(m)
	}
}

// Switch sends commands.
func (m *Machine) Switch() {
	for {
		m.commands <- setState{"power", "on"}
		m.commands <- setState{"power", "off"}
	}
}

// Power is the reading side.
func (m *Machine) Power() string {
	return m.state["power"] // notices: machine
}

// Gauges are set by jobs.
type Gauges struct{ values map[string]float64 }

// NewGauges returns one.
func NewGauges() *Gauges { return &Gauges{values: map[string]float64{"load": 0}} }

// Sample is a job of a scheduler.
func (g *Gauges) Sample() {
	mark.Here()
	for i := 0; i < 50; i++ {
		g.values["load"] = float64(time.Now().Nanosecond()) // writes: cron cron-inline
	}
}

// Load returns the last sample.
func (g *Gauges) Load() float64 {
	return g.values["load"] // notices: cron cron-inline
}
