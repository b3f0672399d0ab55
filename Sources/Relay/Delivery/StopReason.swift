/// Why a delivery is dead, or a destination is not sent to, in words for a person; without a secret or a URL's path.
package struct StopReason: Sendable, Equatable {
    /// A stable word: `status_422`, `attempts_exhausted`, `expired`.
    package let code: String
    package let text: String
    /// What the operator can do about it.
    package let advice: String

    package init(code: String, text: String, advice: String) {
        self.code = code
        self.text = text
        self.advice = advice
    }

    package init(_ judgement: Judgement) {
        self.init(code: judgement.code, text: judgement.text, advice: judgement.advice)
    }
}
