// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import WeirProxy

@Suite("Places of workers") struct WorkerPlacesTests {
    /// A worker that is known by its processor time.
    private func worker(_ process: Int32, start: UInt64 = 0) -> SocketHolder {
        SocketHolder(
            identity: SocketHolder.Identity(process: process, startTicks: start),
            parent: 1,
            program: 7,
            cpuSeconds: Double(process),
            residentBytes: 10
        )
    }

    private func seats(_ places: [WorkerPlaces.Occupied]) -> [String: Double] {
        Dictionary(uniqueKeysWithValues: places.map { ($0.label, $0.cpuSeconds) })
    }

    @Test("are given in the order of the workers' starts") func ordersByStart() {
        var places = WorkerPlaces()
        let seated = places.seat([worker(5, start: 9), worker(9, start: 3), worker(4, start: 9)])
        #expect(seated.map(\.label) == ["1", "2", "3"])
        #expect(seated.map(\.cpuSeconds) == [9, 4, 5])
    }

    @Test("are kept while the worker lives, and then given to the next one") func keeps() {
        var places = WorkerPlaces()
        _ = places.seat([worker(1), worker(2), worker(3)])
        #expect(seats(places.seat([worker(1), worker(3)])) == ["1": 1, "3": 3])
        #expect(
            seats(places.seat([worker(4), worker(3), worker(1), worker(5)]))
                == ["1": 1, "2": 4, "3": 3, "4": 5]
        )
    }

    @Test("go to another worker with the id of one that has ended as to any other")
    func tellsProcessesApart() {
        var places = WorkerPlaces()
        _ = places.seat([worker(1), worker(2)])
        #expect(
            seats(places.seat([worker(1, start: 5), worker(3, start: 4), worker(2)]))
                == ["1": 3, "2": 2, "3": 1]
        )
    }

    @Test("stay as few as ever when every worker is replaced over and over") func staysBounded() {
        var places = WorkerPlaces()
        for generation in 0..<100 {
            let workers = (0..<3).map { worker(Int32(generation * 3 + $0)) }
            #expect(places.seat(workers).map(\.label) == ["1", "2", "3"])
        }
        #expect(places.seat([]) == [])
    }

    @Test("end at 64, and what is beyond is added up, for as long as it lives") func addsUpOthers()
    {
        var places = WorkerPlaces()
        let first = (1...64).map { worker(Int32($0)) }
        #expect(places.seat(first).count == 64)
        let late = [worker(100), worker(200)]
        let full = places.seat(first + late)
        #expect(full.count == 65)
        #expect(
            full.last
                == WorkerPlaces.Occupied(label: "_other", cpuSeconds: 300, residentBytes: 20)
        )
        // A place has become free, but the counter of a late one would jump up there.
        let seated = seats(places.seat(Array(first.dropFirst()) + late))
        #expect(seated["1"] == nil)
        #expect(seated["_other"] == 300)
        #expect(seats(places.seat([worker(300)] + late)) == ["1": 300, "_other": 300])
        #expect(seats(places.seat([worker(300)])) == ["1": 300])
    }
}
