package fakegitlab

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"time"
)

// checkAnswer compares an answer with its description: every member known, none missing, every type right.
func (d *description) checkAnswer(o *operationDescription, status int, body []byte) error {
	want, ok := o.answers[status]
	if !ok {
		if status >= 300 {
			return nil // refusals have their own shape
		}
		return fmt.Errorf("GitLab doesn't answer %d", status)
	}
	if want.name == "" {
		if len(body) > 0 && string(body) != "null" {
			return fmt.Errorf("GitLab answers %d without a body", status)
		}
		return nil
	}
	var value any
	if err := json.Unmarshal(body, &value); err != nil {
		return fmt.Errorf("the answer is no JSON: %w", err)
	}
	return d.checkValue("", want, value)
}

func (d *description) checkValue(at string, want kind, value any) error {
	if value == nil {
		if want.nullable {
			return nil
		}
		return fmt.Errorf("%s is null", at)
	}
	if !want.list {
		return d.checkItem(at, want, value)
	}
	list, ok := value.([]any)
	if !ok {
		return fmt.Errorf("%s is no list", at)
	}
	for i, item := range list {
		if err := d.checkItem(fmt.Sprintf("%s[%d]", at, i), want, item); err != nil {
			return err
		}
	}
	return nil
}

func (d *description) checkItem(at string, want kind, value any) error {
	if s := d.shapes[want.name]; s != nil {
		object, ok := value.(map[string]any)
		if !ok {
			return fmt.Errorf("%s is no object", at)
		}
		return d.checkObject(at, s, object)
	}
	if !isA(want, value) {
		return fmt.Errorf("%s is no %s", at, want.name)
	}
	return nil
}

func (d *description) checkObject(at string, s shape, object map[string]any) error {
	for _, name := range sortedKeys(object) {
		f, known := s[name]
		if !known {
			return fmt.Errorf("%s.%s is no member of GitLab's answer", at, name)
		}
		if err := d.checkValue(at+"."+name, f.kind, object[name]); err != nil {
			return err
		}
	}
	for _, name := range sortedKeys(s) {
		if _, there := object[name]; s[name].required && !there {
			return fmt.Errorf("%s.%s is missing", at, name)
		}
	}
	return nil
}

func isA(want kind, value any) bool {
	switch want.name {
	case "object":
		_, ok := value.(map[string]any)
		return ok
	case "boolean":
		_, ok := value.(bool)
		return ok
	case "integer":
		n, ok := value.(float64)
		return ok && n == math.Trunc(n) && (want.choices == nil || slices.Contains(want.choices, fmt.Sprint(int64(n))))
	}
	text, ok := value.(string)
	if !ok {
		return false
	}
	var err error
	switch want.name {
	case "time":
		_, err = time.Parse(time.RFC3339Nano, text)
	case "date":
		_, err = time.Parse(time.DateOnly, text)
	}
	return err == nil && (want.choices == nil || slices.Contains(want.choices, text))
}
