package asker

import (
	"encoding/json"
	"os"
)

// WriteQuestions writes questions to a file, for the child that is to ask them.
func WriteQuestions(file string, questions []Question) error {
	data, err := json.Marshal(questions)
	if err != nil {
		return err
	}
	return os.WriteFile(file, data, 0o600)
}

// readQuestions is the inverse of WriteQuestions.
func readQuestions(file string) (questions []Question, err error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	return questions, json.Unmarshal(data, &questions)
}
