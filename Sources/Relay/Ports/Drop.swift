/// What an operator gives up: deliveries that wait for a destination.
package struct DropRequest: Sendable {
    package let destination: String
    /// Only that of this event; nil for all.
    package let event: EventID?
    /// Event numbers: after which to begin, and how far to go; without `through` up to the last one that there is.
    package let after: Int64
    package let through: Int64?

    package init(destination: String, event: EventID? = nil, after: Int64 = 0, through: Int64? = nil) {
        self.destination = destination
        self.event = event
        self.after = after
        self.through = through
    }
}

/// What one step of a drop came to.
package struct DropPage: Sendable, Equatable {
    package let dropped: Int
    /// Those that somebody holds, and that were left alone for that.
    package let underWay: Int
    /// The event number after which to go on; nil at the end.
    package let next: Int64?
    /// The last event number that the drop reaches, to be given with the next page: what comes meanwhile stays.
    package let through: Int64

    package init(dropped: Int, underWay: Int, next: Int64?, through: Int64) {
        self.dropped = dropped
        self.underWay = underWay
        self.next = next
        self.through = through
    }
}
