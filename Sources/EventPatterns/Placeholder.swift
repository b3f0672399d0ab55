// EventPatterns
