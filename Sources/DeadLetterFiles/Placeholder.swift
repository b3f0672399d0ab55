// DeadLetterFiles
