// The note's traffic with a reader that pauses: finds-go MICROSECONDS. See ../src/bin/finds.rs.
package main

import (
	"fmt"
	"math/rand"
	"os"
	"strconv"
	"time"
)

func main() {
	pause, err := strconv.Atoi(os.Args[1])
	if err != nil {
		panic(err)
	}
	config := map[string]interface{}{}
	go func() {
		for {
			config["1"] = strconv.FormatInt(int64(rand.Intn(1000)), 10)
			config["2"] = strconv.FormatInt(int64(rand.Intn(1000)), 10)
			<-time.After(time.Millisecond)
		}
	}()
	go func() {
		time.Sleep(20*time.Millisecond + time.Duration(rand.Intn(10_000))*time.Microsecond)
		os.Stderr.WriteString("start\n")
		for {
			fmt.Println(config["1"])
			fmt.Println(config["2"])
			if pause > 0 {
				time.Sleep(time.Duration(pause) * time.Microsecond)
			}
		}
	}()
	select {}
}
