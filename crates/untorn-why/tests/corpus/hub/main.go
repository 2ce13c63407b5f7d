// A hub: rooms that are joined and left, events that change a model.
package main

import (
	"os"
	"time"

	"example.com/shop/hub/bus"
	"example.com/shop/hub/room"
	"example.com/shop/hub/ui"
	"example.com/shop/idle"
)

func broadcastLoop(r *room.Room, stop <-chan struct{}) {
	for {
		r.Broadcast()
		select {
		case <-stop:
			return
		default:
		}
	}
}

// Rooms that fill up and are closed.
func join() {
	idle.Start("metrics", "signals")
	for {
		r, stop := room.New(), make(chan struct{})
		for i := 0; i < 8; i++ {
			r.Add(room.NewConn(-i))
		}
		go broadcastLoop(r, stop)
		var all []*room.Conn
		for i := 0; i < 12; i++ {
			c := room.NewConn(i)
			all = append(all, c)
			go r.Serve(c)
			time.Sleep(20 * time.Microsecond)
		}
		close(stop)
		for _, c := range all {
			c.Close()
		}
	}
}

func leave() {
	idle.Start("evict", "audit", "listen")
	r := room.New()
	for i := 0; i < 20; i++ {
		r.Add(room.NewConn(-i))
	}
	go r.KeepAlive(time.Millisecond)
	for i := 0; i < 2; i++ {
		go broadcastLoop(r, nil)
	}
	for i := 0; ; i++ {
		go r.Visit(room.NewConn(i))
		time.Sleep(10 * time.Microsecond)
	}
}

func count() {
	idle.Start("mail", "evict", "locked")
	events := bus.New()
	go events.Count()
	go func() {
		for n := 0; ; n++ {
			events.Publish(bus.Event{Topic: "order", N: n})
		}
	}()
	for {
		events.Seen("order")
	}
}

func eventSlow() {
	idle.Start("mail", "signals", "metrics")
	events, model := bus.New(), ui.NewModel()
	model.Listen(events, 2000)
	go events.Run()
	events.Publish(bus.Event{Topic: "scan", N: 1 << 30})
	for {
		model.Render()
	}
}

func eventShort() {
	idle.Start("mail", "audit", "wait")
	events, model := bus.New(), ui.NewModel()
	model.ListenShort(events)
	go model.UpdateLoop(make(chan int))
	go events.Run()
	go func() {
		for _, topic := range []string{"a", "b", "c", "d", "e", "f", "g", "h"} {
			events.Publish(bus.Event{Topic: topic})
		}
		for {
			events.Publish(bus.Event{Topic: "a"})
			time.Sleep(5 * time.Microsecond)
		}
	}()
	for {
		model.Marked()
	}
}

// A sorter and the handlers of events write.
func twoEvents() {
	idle.Start("lease", "pipe")
	events, model := bus.New(), ui.NewModel()
	model.Listen(events, 10)
	go events.Run()
	go model.Sort()
	for {
		events.Publish(bus.Event{Topic: "sort", N: 2})
		time.Sleep(20 * time.Microsecond)
	}
}

func main() {
	switch os.Args[1] {
	case "join":
		join()
	case "leave":
		leave()
	case "count":
		count()
	case "event-slow":
		eventSlow()
	case "event-short":
		eventShort()
	case "two-events":
		twoEvents()
	}
}
