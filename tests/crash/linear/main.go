// SPDX-License-Identifier: Apache-2.0

// Judges a history of operations on S3 keys: is there an order of them, in agreement with when each one ran, in which
// every answer is right? One operation a line on standard input, as JSON; run_linear.py says what is in it. The search
// is porcupine's. Ends with 0 when there is such an order for every key; otherwise it names the key and ends with 1.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"time"

	"github.com/anishathalye/porcupine"
)

type operation struct {
	Client int    `json:"client"`
	Key    string `json:"key"`
	Kind   string `json:"kind"`   // get, put, create (if-none-match), replace (if-match), delete
	Value  string `json:"value"`  // put, create, replace: what is written
	Was    string `json:"was"`    // replace: what the condition names
	Answer string `json:"answer"` // ok, failed (the condition did not hold), unknown (no answer), none (nothing was done)
	Seen   string `json:"seen"`   // get: the value, empty when there was none
	Call   int64  `json:"call"`
	Return int64  `json:"return"`
}

// The state of a key is its value; empty when it does not exist.
func step(state, input, _ interface{}) (bool, interface{}) {
	value, op := state.(string), input.(operation)
	holds := true
	next := op.Value
	switch op.Kind {
	case "get":
		return op.Answer == "unknown" || value == op.Seen, value
	case "create":
		holds = value == ""
	case "replace":
		holds = value != "" && value == op.Was
	case "delete":
		next = ""
	}
	switch op.Answer {
	case "ok":
		return holds, next
	case "failed":
		return !holds, value
	case "none":
		return true, value
	}
	if holds { // unknown: it ends after everything else, so an order without its effect is one with it at the end
		return true, next
	}
	return true, value
}

func main() {
	histories := map[string][]porcupine.Operation{}
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<20)
	count := 0
	for lines.Scan() {
		var op operation
		if err := json.Unmarshal(lines.Bytes(), &op); err != nil {
			fmt.Println("no operation:", err)
			os.Exit(2)
		}
		end := op.Return
		if op.Answer == "unknown" {
			end = math.MaxInt64
		}
		histories[op.Key] = append(histories[op.Key],
			porcupine.Operation{ClientId: op.Client, Input: op, Call: op.Call, Output: op, Return: end})
		count++
	}
	model := porcupine.Model{Init: func() interface{} { return "" }, Step: step}
	bad := 0
	for key, history := range histories {
		switch porcupine.CheckOperationsTimeout(model, history, time.Minute) {
		case porcupine.Illegal:
			fmt.Printf("%s: no order of its %d operations explains all answers\n", key, len(history))
			bad++
		case porcupine.Unknown:
			fmt.Printf("%s: no verdict on its %d operations within a minute\n", key, len(history))
			bad++
		}
	}
	fmt.Printf("%d operations on %d keys\n", count, len(histories))
	if bad > 0 || count == 0 {
		os.Exit(1)
	}
}
