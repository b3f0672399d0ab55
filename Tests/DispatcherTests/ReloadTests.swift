import Dispatcher
import Relay
import Testing

@Suite struct ReloadTests {
    @Test func stopGivesBackWhatWaitsAndSettlesWhatIsInFlight() throws {
        let bed = TestBed()
        bed.take(1..<10)
        bed.stop()
        #expect(bed.store.count(.leased) == 2)
        try bed.answer(200)
        try bed.answer(503)
        bed.advance(seconds: 1000)
        #expect(bed.sender.total == 2)
        #expect(bed.store.count(.delivered) == 1)
        bed.expectNothingLost()
    }

    @Test func handOverAfterTheStopGoesBack() {
        let bed = TestBed()
        bed.stop()
        bed.take(1..<4)
        #expect(bed.sender.total == 0)
        bed.expectNothingLost()
    }

    @Test func leaseThatComesAfterTheStopGoesBack() {
        let bed = TestBed()
        bed.keep(1..<4)
        bed.store.holdBack()
        bed.advance()
        #expect(bed.store.count(.leased) == 3)
        bed.stop()
        bed.letGo()
        #expect(bed.sender.total == 0)
        bed.expectNothingLost()
    }

    @Test func handOverThatTheWindowRefusesGoesBackAndIsSentLater() throws {
        let bed = TestBed()
        let count = Lane.window + 500
        bed.take(1..<Int64(count + 1))
        #expect(bed.store.count(.leased) < Lane.window + 100)
        repeat {
            while !bed.sender.open.isEmpty { try bed.answer(200) }
            bed.advance()
        } while !bed.sender.open.isEmpty
        #expect(bed.store.count(.delivered) == count)
        bed.expectNothingLost()
    }

    @Test func handOverToAnUnknownDestinationGoesBack() {
        let bed = TestBed()
        bed.take(1..<4, to: "gone")
        #expect(bed.sender.total == 0)
        bed.expectNothingLost()
    }

    @Test func removedDestinationGivesBackWhatWaitsAndGoesOnWhenItReturns() throws {
        let bed = TestBed([TestBed.destination("crm"), TestBed.destination("chat")])
        bed.take(1..<10)
        bed.use([TestBed.destination("chat")])
        #expect(bed.store.count(.leased) == 2)
        bed.take(10..<12)
        try bed.answer(200)
        try bed.answer(200)
        bed.advance(seconds: 10)
        #expect(bed.sender.open.isEmpty)
        bed.expectNothingLost()
        bed.use([TestBed.destination("crm"), TestBed.destination("chat")])
        while !bed.sender.open.isEmpty { try bed.answer(200) }
        #expect(bed.store.count(.delivered) == 11)
        bed.expectNothingLost()
    }

    /// Both a transfer and a lease are under way when the destination vanishes.
    @Test func returnedDestinationLeasesAgainAfterALeaseThatWasDropped() throws {
        let bed = TestBed()
        bed.take(1..<2)
        bed.keep(2..<9)
        bed.store.holdBack()
        bed.run { $0.wake("crm") }
        bed.use([])
        bed.letGo()
        #expect(bed.store.count(.leased) == 1)
        bed.use([TestBed.destination()])
        bed.advance(seconds: 1)
        while !bed.sender.open.isEmpty { try bed.answer(200) }
        #expect(bed.store.count(.delivered) == 8)
        bed.expectNothingLost()
    }

    @Test func changedDestinationIsUsedForWhatWaits() throws {
        let bed = TestBed()
        bed.take(1..<4)
        bed.use([TestBed.destination(url: "https://crm.example.com/b")])
        while !bed.sender.open.isEmpty {
            let call = try #require(bed.sender.open.first)
            #expect(call.request.url == "https://crm.example.com/" + (call.key < 3 ? "a" : "b"))
            try bed.answer(200)
        }
        #expect(bed.store.count(.delivered) == 3)
    }

    @Test func changedDestinationIsTriedAtOnceThoughItWasHeld() throws {
        let bed = TestBed()
        bed.take(1..<6)
        while !bed.sender.open.isEmpty { try bed.answer(401) }
        bed.advance(seconds: 20)
        #expect(bed.sender.open.isEmpty)
        bed.use([TestBed.destination(url: "https://crm.example.com/b")])
        while !bed.sender.open.isEmpty { try bed.answer(200) }
        #expect(bed.store.count(.delivered) == 5)
        bed.expectNothingLost()
    }

    @Test func reloadThatChangesNothingKeepsHoldAndPause() throws {
        let bed = TestBed([TestBed.destination("crm"), TestBed.destination("chat", concurrency: 1)])
        bed.take(1..<6)
        bed.take(101..<106, to: "chat")
        while !bed.sender.open("crm").isEmpty { try bed.answer(401) }
        try bed.answer(429, retryAfter: "600", from: "chat")
        bed.advance(seconds: 20)
        bed.use([TestBed.destination("crm"), TestBed.destination("chat", concurrency: 3)])
        #expect(bed.sender.open.isEmpty)
        bed.advance(seconds: 580)
        #expect(bed.sender.open("chat").count == 1)
        for _ in 0..<2 { try bed.answer(200, from: "chat") }
        #expect(bed.sender.open("chat").count == 3)
    }

    @Test func redrivenDeliveryIsFoundWhenTheLaneIsWoken() {
        let bed = TestBed()
        bed.advance()
        bed.keep(1..<2)
        bed.advance(seconds: 1)
        #expect(bed.sender.open.isEmpty)
        bed.run { $0.wake("crm") }
        #expect(bed.sender.open.map(\.key) == [1])
    }

    @Test func allLanesLookIntoTheStoreWhenItWasRewound() {
        let bed = TestBed([TestBed.destination()])
        bed.advance(seconds: 1)
        bed.keep(1..<2)
        bed.advance(seconds: 1)
        #expect(bed.sender.open.isEmpty)
        bed.run { $0.wakeAll() }
        #expect(bed.sender.open.map(\.key) == [1])
    }
}
