// An agent: an index, labels of cached objects, codecs, jobs of a scheduler.
package main

import (
	"os"
	"strconv"
	"sync"
	"time"

	"example.com/applog"
	"example.com/cron"
	"example.com/shop/agent/index"
	"example.com/shop/agent/journal"
	"example.com/shop/agent/labels"
	"example.com/shop/agent/plugin"
	"example.com/shop/idle"
	"example.com/shop/mark"
)

func readLock() {
	idle.Start("mail", "metrics")
	x := index.New()
	for i := 0; i < 3; i++ {
		go x.Query(i)
	}
	select {}
}

func janitor() {
	idle.Start("evict", "signals", "audit")
	x := index.New()
	go x.Tidy(40 * time.Microsecond)
	for i := 0; i < 2; i++ {
		go func() {
			for {
				x.Has("3")
			}
		}()
	}
	select {}
}

func raiseLoop(limits index.Limits) {
	mark.Here()
	for n := 0; ; n++ {
		limits.Raise("rate", n)
		idle.Spin(300)
	}
}

func byValue() {
	idle.Start("mail", "lease", "pipe")
	limits := index.NewLimits()
	go raiseLoop(limits)
	for {
		limits.Allows("rate")
	}
}

func byValueShort() {
	idle.Start("metrics", "locked")
	limits := index.NewLimits()
	go func() {
		for {
			limits.Allows("rate")
		}
	}()
	for n := 0; ; n++ {
		go func(n int) {
			mark.Here()
			limits.Raise("rate", n)
		}(n)
		time.Sleep(10 * time.Microsecond)
	}
}

func matchLoop(selector *labels.Selector) {
	for {
		selector.Matches("web")
	}
}

func inPlace() {
	idle.Start("mail", "evict", "listen")
	lister := labels.NewLister()
	controller := labels.NewController(lister)
	for i := 0; i < 2; i++ {
		go controller.Work()
	}
	go matchLoop(labels.NewSelector(lister))
	for {
		controller.Enqueue("web")
		time.Sleep(5 * time.Microsecond)
	}
}

func patch() {
	idle.Start("metrics", "audit", "wait")
	lister := labels.NewLister()
	controller := labels.NewController(lister)
	go matchLoop(labels.NewSelector(lister))
	for {
		go controller.Patch("web")
		time.Sleep(10 * time.Microsecond)
	}
}

func lazy() {
	idle.Start("evict", "signals")
	names := make([]string, 40)
	for i := range names {
		names[i] = "codec" + strconv.Itoa(i)
	}
	for {
		var done sync.WaitGroup
		done.Add(2)
		for i := 0; i < 2; i++ {
			go plugin.Use(names, &done)
		}
		done.Wait()
		plugin.Reset()
	}
}

func machine() {
	idle.Start("mail", "metrics", "lease")
	m := plugin.NewMachine()
	go m.Drive()
	go m.Switch()
	for {
		m.Power()
	}
}

func jobs(inline bool) {
	idle.Start("audit", "mail")
	gauges := plugin.NewGauges()
	scheduler := cron.New(50*time.Microsecond, inline)
	scheduler.AddFunc(gauges.Sample)
	scheduler.Start()
	for i := 0; i < 2; i++ {
		go watchLoad(gauges)
	}
	select {}
}

func watchLoad(gauges *plugin.Gauges) {
	for {
		gauges.Load()
	}
}

func settle() {
	idle.Start("mail", "metrics", "signals")
	accounts := journal.New(applog.NewSink(func() { idle.Spin(3000) }))
	go accounts.Settle()
	for {
		accounts.Balance(1)
	}
}

func main() {
	switch os.Args[1] {
	case "read-lock":
		readLock()
	case "janitor":
		janitor()
	case "by-value":
		byValue()
	case "by-value-short":
		byValueShort()
	case "labels":
		inPlace()
	case "labels-patch":
		patch()
	case "lazy":
		lazy()
	case "machine":
		machine()
	case "journal":
		settle()
	case "cron":
		jobs(false)
	case "cron-inline":
		jobs(true)
	}
}
