/// A destination's own word on what its answers mean.
package struct OutcomeOverrides: Sendable, Equatable {
    package struct Case: Sendable, Equatable {
        package let condition: AnswerExpression
        package let outcome: Outcome

        package init(when condition: AnswerExpression, _ outcome: Outcome) {
            self.condition = condition
            self.outcome = outcome
        }
    }

    /// What one status, or one class of them, means.
    package enum Rule: Sendable, Equatable {
        case always(Outcome)
        /// The first case whose condition holds; where none does, the next rule is asked.
        case first([Case])
    }

    package let exact: [Int: Rule]
    /// By the status' first digit.
    package let classes: [Int: Rule]
    /// What a 2xx has to fulfil, where no rule has spoken.
    package let success: AnswerExpression?
    /// The seconds for which the destination wants nothing, beside the header Retry-After.
    package let retryAfter: AnswerExpression?

    package init(
        exact: [Int: Rule], classes: [Int: Rule], success: AnswerExpression?, retryAfter: AnswerExpression?
    ) {
        self.exact = exact
        self.classes = classes
        self.success = success
        self.retryAfter = retryAfter
    }

    package init(exact: [Int: Outcome] = [:], classes: [Int: Outcome] = [:]) {
        self.init(
            exact: exact.mapValues(Rule.always), classes: classes.mapValues(Rule.always), success: nil,
            retryAfter: nil)
    }

    /// The exact status before its class.
    func outcome(of status: Int, _ answer: inout AnswerReader) -> Outcome? {
        outcome(by: exact[status], &answer) ?? outcome(by: classes[status / 100], &answer)
    }

    private func outcome(by rule: Rule?, _ answer: inout AnswerReader) -> Outcome? {
        switch rule {
        case .always(let outcome): outcome
        case .first(let cases): cases.first { answer.isTrue($0.condition) }?.outcome
        case nil: nil
        }
    }
}
