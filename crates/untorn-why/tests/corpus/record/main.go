// Command record records the dumps of this folder again: `go run ./record GO GO …` with the
// commands of the versions of Go, oldest first, in the folder of go.mod. Each scene crashes under
// three of them. `go run ./record bystanders GO GO …` records those of bystanders under all.
package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"example.com/shop/mark"
)

const (
	// The number of versions under which each scene crashes.
	versionsOfOne = 3
	// The most bytes of a dump, and the most runs to get one.
	most  = 40_000
	tries = 8
	// The first line of a table.
	columns = "file\tnotices\twrites\tfunction\twriters\tcause\n"
)

type toolchain struct {
	command, version string
	// Whether a dump has all goroutines by default, which ended with Go 1.26.
	all bool
}

func main() {
	log.SetFlags(0)
	all, err := marks()
	if err != nil {
		log.Fatal(err)
	}
	commands := os.Args[1:]
	ofBystanders := len(commands) > 0 && commands[0] == "bystanders"
	if ofBystanders {
		commands = commands[1:]
	}
	toolchains := versions(commands)
	if len(toolchains) == 0 {
		log.Fatal("no version of Go is named: give record the go commands of some, oldest first")
	}
	built, err := os.MkdirTemp("", "record")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(built)
	if ofBystanders {
		recordBystanders(built, toolchains, all)
		return
	}
	empty("dumps")
	// The dumps of one scene are all on even lines of the table, or all on odd ones.
	var halves [2][]string
	for i, scene := range scenes {
		for k := 0; k <= versionsOfOne; k++ {
			with, traceback, found := choose(toolchains, i, k)
			if !found {
				continue
			}
			row, err := record(built, "dumps", with, scene, traceback, all)
			if err != nil {
				log.Printf("%s, %s: %v", scene.name, with.version, err)
				continue
			}
			halves[i%2] = append(halves[i%2], row)
		}
	}
	table := columns
	for i := 0; i < len(halves[0]) || i < len(halves[1]); i++ {
		for _, half := range halves {
			// A half that has fewer is filled up.
			row := "-"
			if i < len(half) {
				row = half[i]
			}
			table += row + "\n"
		}
	}
	if err := os.WriteFile("TRUTH.tsv", []byte(table), 0o666); err != nil {
		log.Fatal(err)
	}
}

// recordBystanders crashes each of these scenes under each version, with the frames of the runtime
// and without them.
func recordBystanders(built string, toolchains []toolchain, all []marked) {
	const dumps = "bystanders/dumps"
	empty(dumps)
	table := columns
	for _, scene := range bystanders {
		for _, with := range toolchains {
			for _, traceback := range []string{"all", "system"} {
				row, err := record(built, dumps, with, scene, traceback, all)
				if err != nil {
					log.Printf("%s, %s: %v", scene.name, with.version, err)
					continue
				}
				table += row + "\n"
			}
		}
	}
	if err := os.WriteFile("bystanders/TRUTH.tsv", []byte(table), 0o666); err != nil {
		log.Fatal(err)
	}
}

func empty(folder string) {
	if err := os.RemoveAll(folder); err != nil {
		log.Fatal(err)
	}
	if err := os.Mkdir(folder, 0o777); err != nil {
		log.Fatal(err)
	}
}

func versions(commands []string) []toolchain {
	var found []toolchain
	for _, command := range commands {
		output, err := exec.Command(command, "env", "GOVERSION").Output()
		if err != nil {
			log.Fatalf("%s: %v", command, err)
		}
		version := strings.TrimSpace(string(output))
		parts := strings.SplitN(version, ".", 3)
		version = strings.Join(parts[:2], ".")
		all := len(version) == len("go1.20") && version < "go1.26"
		found = append(found, toolchain{command, version, all})
	}
	return found
}

// choose returns the version for the dump k of the scene i, and its GOTRACEBACK. Every second pair
// of scenes has a fourth dump, of a version that prints only the goroutine that detected it.
func choose(toolchains []toolchain, i, k int) (with toolchain, traceback string, found bool) {
	if k == versionsOfOne {
		var alone []toolchain
		for _, one := range toolchains {
			if !one.all {
				alone = append(alone, one)
			}
		}
		if len(alone) == 0 || i/2%2 == 1 {
			return toolchain{}, "", false
		}
		return alone[i/4%len(alone)], "", true
	}
	with = toolchains[(i+k*3)%len(toolchains)]
	switch {
	case (i+k)%9 == 4:
		traceback = "system"
	case !with.all:
		traceback = "all"
	}
	return with, traceback, true
}

// record crashes a scene, stores the dump in a folder and returns its row of the table.
func record(built, folder string, with toolchain, of scene, traceback string, all []marked) (string, error) {
	program := filepath.Join(built, with.version+"-"+of.program)
	if _, err := os.Stat(program); err != nil {
		build := exec.Command(with.command, "build", "-trimpath", "-o", program, "./"+of.program)
		build.Stderr = os.Stderr
		if err := build.Run(); err != nil {
			return "", err
		}
	}
	name := with.version + "-" + of.name
	if traceback != "" {
		name += "-" + traceback
	}
	var reason error
	for try := 0; try < tries; try++ {
		wrote, stderr, err := run(program, of.name, traceback)
		if err != nil {
			return "", err
		}
		writers, notices, err := judge(wrote, stderr, of, all)
		if err != nil {
			reason = err
			continue
		}
		if of.ends && writers != "absent" && try < tries-1 {
			continue
		}
		var lines, bodies []string
		for _, m := range all {
			if m.what == "writes" && m.scene == of.name {
				lines = append(lines, m.place())
				bodies = append(bodies, fmt.Sprintf("%s %s:%d-%d", m.function, m.file, m.from, m.to))
			}
		}
		row := []string{name, notices, strings.Join(lines, ","), strings.Join(bodies, ","), writers, of.cause}
		return strings.Join(row, "\t"), os.WriteFile(filepath.Join(folder, name+".txt"), stderr, 0o666)
	}
	return "", reason
}

// run runs a scene until it crashes, and returns the numbers of the goroutines that wrote.
func run(program, scene, traceback string) (wrote map[uint64]bool, stderr []byte, err error) {
	shared, err := os.CreateTemp("", "writers")
	if err != nil {
		return nil, nil, err
	}
	defer os.Remove(shared.Name())
	defer shared.Close()
	if err := shared.Truncate(mark.Size); err != nil {
		return nil, nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	command := exec.CommandContext(ctx, program, scene)
	command.Env = []string{"GOTRACEBACK=" + traceback}
	command.ExtraFiles = []*os.File{shared}
	var output bytes.Buffer
	command.Stderr = &output
	_ = command.Run()
	numbers := make([]uint64, mark.Size/8)
	if err := binary.Read(shared, binary.LittleEndian, numbers); err != nil {
		return nil, nil, err
	}
	wrote = map[uint64]bool{}
	for _, number := range numbers {
		wrote[number] = true
	}
	return wrote, output.Bytes(), nil
}

var header = regexp.MustCompile(`(?m)^goroutine (\d+) .*\[.*\]:$`)

// judge returns the goroutines of the dump that wrote, and the line that detected the overlap. The
// program stored the former; the latter is marked, and among the lines of the first stack.
func judge(wrote map[uint64]bool, stderr []byte, of scene, all []marked) (writers, notices string, err error) {
	message, stacks, found := bytes.Cut(stderr, []byte("\n\n"))
	if !found || !bytes.HasPrefix(message, []byte("fatal error: concurrent map")) {
		return "", "", fmt.Errorf("it did not crash as it should: %.200s", stderr)
	}
	if len(stderr) > most {
		return "", "", fmt.Errorf("the dump has %d bytes", len(stderr))
	}
	first, _, _ := bytes.Cut(stacks, []byte("\n\n"))
	// The innermost marked line is the one.
	where := len(first)
	for _, m := range all {
		if m.what != "notices" || m.scene != of.name {
			continue
		}
		at := regexp.MustCompile(`[/\t]` + regexp.QuoteMeta(m.place()) + `( |\n|$)`).FindIndex(first)
		if at != nil && at[0] < where {
			where, notices = at[0], m.place()
		}
	}
	if notices == "" {
		return "", "", fmt.Errorf("no marked line detected it: %s", first)
	}
	var present []string
	for i, match := range header.FindAllSubmatch(stacks, -1) {
		number, _ := strconv.ParseUint(string(match[1]), 10, 64)
		if i > 0 && wrote[number] {
			present = append(present, string(match[1]))
			// A second goroutine that detects an overlap may be printed twice.
			delete(wrote, number)
		}
	}
	if len(present) == 0 {
		return "absent", notices, nil
	}
	return strings.Join(present, ","), notices, nil
}
