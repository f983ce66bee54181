package assay.bench;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.ObjectReader;
import com.fasterxml.jackson.databind.ObjectWriter;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.connector.kafka.sink.KafkaRecordSerializationSchema;
import org.apache.flink.connector.kafka.source.reader.deserializer.KafkaRecordDeserializationSchema;
import org.apache.flink.util.Collector;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.producer.ProducerRecord;

/** Transactions from Kafka and decisions to Kafka. A record that is no JSON ends the job, where Assay writes a dead letter and goes on. */
final class Json {
    private static final ObjectMapper MAPPER = new ObjectMapper().configure(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES, false);
    private static final ObjectReader READER = MAPPER.readerFor(Transaction.class);
    private static final ObjectWriter WRITER = MAPPER.writerFor(Decision.class);

    private Json() {}

    static class Read implements KafkaRecordDeserializationSchema<Transaction> {
        private final boolean keepsEvent;

        Read(boolean keepsEvent) {
            this.keepsEvent = keepsEvent;
        }

        @Override
        public void deserialize(ConsumerRecord<byte[], byte[]> record, Collector<Transaction> out) throws IOException {
            Transaction t = READER.readValue(record.value());
            t.at = Instant.parse(t.time).toEpochMilli();
            if (keepsEvent) t.event = record.value();
            out.collect(t);
        }

        @Override
        public TypeInformation<Transaction> getProducedType() {
            return TypeInformation.of(Transaction.class);
        }
    }

    static class Write implements KafkaRecordSerializationSchema<Decision> {
        private final String topic;

        Write(String topic) {
            this.topic = topic;
        }

        @Override
        public ProducerRecord<byte[], byte[]> serialize(Decision d, KafkaSinkContext context, Long timestamp) {
            try {
                byte[] key = (d.tenant + ':' + d.customer).getBytes(StandardCharsets.UTF_8);
                return new ProducerRecord<>(topic, key, WRITER.writeValueAsBytes(d));
            } catch (JsonProcessingException e) {
                throw new IllegalStateException(e);
            }
        }
    }
}
